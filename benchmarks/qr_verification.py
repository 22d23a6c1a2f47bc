"""How long verifying a product code takes, and that a million of them take no memory.

    .venv/bin/python -m benchmarks.qr_verification [NUMBER]

The last two lines compare signatures that differ from the genuine one in their first and in their last byte:
a verifier that took longer for the one than for the other would help a forger to find it byte by byte.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable

import psutil

from guardian.qr import legacy, link
from guardian.qr.code import ProductCode
from guardian.qr.keys import PublicKeys, SigningKey
from guardian.qr.sign import sign
from guardian.qr.verify import Verifier, claimed_serial

KEY = SigningKey(bytes(range(32)))
SECRET = b"the secret of the older codes"
CODE = ProductCode(
    product_id="P-1", serial="ABCDEFGH23456722", location="WH1/A-12", issued_at=1_718_000_000_000, issuer="E7"
)
GTIN = "07032069804988"
ROUNDS = 400


def main() -> None:
    """Prints time and memory."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    keys = PublicKeys([KEY.public])
    plain = sign(CODE, KEY)
    older = legacy.write(SECRET, CODE, "2024-06-10T06:13:20+00:00")
    texts = {"link": plain, "older kind": older}
    texts["GS1 link"] = sign(ProductCode(**{**_fields(), "gtin": GTIN}), KEY)
    verifier = Verifier(keys, SECRET)
    for name, text in texts.items():
        print(f"{name:12} {_microseconds(lambda t=text: Verifier(keys, SECRET).check(t)):8.1f} µs verified")
        print(f"{name:12} {_microseconds(lambda t=text: verifier.check(t)):8.2f} µs remembered")
        print(f"{name:12} {_microseconds(lambda t=text: claimed_serial(t)):8.2f} µs serial claimed")
    _flood(verifier, plain, number)
    _compare("link", keys, _links(plain))
    _compare("older kind", keys, _older(older))


def _fields() -> dict[str, object]:
    return {name: getattr(CODE, name) for name in CODE.__struct_fields__}


def _flood(verifier: Verifier, text: str, number: int) -> None:
    """Verifies so many different texts, and tells how much memory that took."""
    process = psutil.Process()
    for each in _forged(text, 10_000):
        verifier.check(each)
    before, began = process.memory_info().rss, time.process_time()
    for each in _forged(text, number):
        verifier.check(each)
    took = time.process_time() - began
    grown = (process.memory_info().rss - before) / 2**20
    print(
        f"{number:,} different texts: {took:.1f} s, {took / number * 1e6:.1f} µs each, memory {grown:+.1f} MB"
    )


def _forged(text: str, number: int) -> Iterable[str]:
    signed, _, signature = text.rpartition("&sig=")
    return (f"{signed}&sig={each:010}{signature[10:]}" for each in range(number))


def _links(text: str) -> tuple[str, str]:
    signed = text.rpartition("&sig=")[0]
    raw = link.read(text).signature or b""
    first, last = bytes([raw[0] ^ 1]) + raw[1:], raw[:-1] + bytes([raw[-1] ^ 1])
    return link.with_signature(signed, first), link.with_signature(signed, last)


def _older(text: str) -> tuple[str, str]:
    mac = text.partition('"hash_signature": "')[2][:64]
    first = ("0" if mac[0] != "0" else "1") + mac[1:]
    last = mac[:-1] + ("0" if mac[-1] != "0" else "1")
    return text.replace(mac, first), text.replace(mac, last)


def _compare(name: str, keys: PublicKeys, texts: tuple[str, str]) -> None:
    """Times both, taken in turn and in random order, so that what disturbs one disturbs the other."""
    order = random.Random(1)
    times: tuple[list[int], list[int]] = ([], [])
    for _ in range(ROUNDS * 2):
        which = order.randrange(2)
        checking = Verifier(keys, SECRET)
        began = time.perf_counter_ns()
        checking.check(texts[which])
        times[which].append(time.perf_counter_ns() - began)
    first, last = (statistics.median(each) / 1000 for each in times)
    spread = statistics.quantiles(times[0] + times[1], n=4)
    print(
        f"{name:12} differs in the first byte: {first:.2f} µs, in the last: {last:.2f} µs "
        f"(half of all within {(spread[2] - spread[0]) / 1000:.2f} µs)"
    )


def _microseconds(check: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(ROUNDS):
            check()
        best = min(best, time.process_time() - began)
    return best / ROUNDS * 1e6


if __name__ == "__main__":
    main()
