"""What has to be done before several threads decode."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


def learn_struct_types() -> int:
    """Lets msgspec look at every struct type imported so far; returns how many it can decode.

    msgspec (0.22) looks at a type when it decodes the first one, and puts what it is about to learn on the
    type before it is complete. A second thread that decodes the same type in that moment reads what is not
    there yet, and the process dies by SIGSEGV. So a process whose threads decode calls this once, after its
    imports and before its first thread.
    """
    learned = 0
    for kind in set(_below(msgspec.Struct)):
        try:
            msgspec.json.Decoder(kind)
        except TypeError:
            continue  # never decoded: it holds what no JSON can tell apart
        learned += 1
    return learned


def _below(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
