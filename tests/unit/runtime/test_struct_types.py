"""Types that several threads decode for the first time at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

THREADS = """
import sys
import threading

import msgspec

from guardian.runtime.struct_types import learn_struct_types

sys.setswitchinterval(1e-6)
kinds = []
for number in range(400):
    fields = [(f"a{k}", "dict[str, list[int]] | None", None) for k in range(30)]
    inner = msgspec.defstruct(f"Inner{number}", fields)
    kinds.append(msgspec.defstruct(f"Outer{number}", [("inner", inner)]))
assert learn_struct_types() >= 800
for kind in kinds:
    together = threading.Barrier(4)

    def decode():
        together.wait()
        assert msgspec.convert({"inner": {"a29": {"b": [1]}}}, kind).inner.a29 == {"b": [1]}

    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

ENTRIES = [
    *(ROOT / "functions").glob("*/main.py"),
    *(ROOT / "cloud_run" / name / "main.py" for name in ("api", "bridge", "correlator", "history")),
]


def test_threads_may_decode_what_has_been_learned() -> None:
    """Without `learn_struct_types` this process dies by SIGSEGV, most times it is run."""
    assert subprocess.run([sys.executable, "-c", THREADS], cwd=ROOT, timeout=100, check=False).returncode == 0


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.parent.name)
def test_every_process_with_threads_learns_first(entry: Path) -> None:
    assert "learn_struct_types()" in entry.read_text("utf-8")
