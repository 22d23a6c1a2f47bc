"""Puts together what a function's platform is given: main.py, the package `guardian`, pinned requirements.

    python -m infra.stage [NAME…] [--site FOLDER] [--out FOLDER]

Only a function's own folder is uploaded, so everything has to lie in it. OUT/NAME/ is that folder.
OUT/NAME-HASH.zip is the same as an archive, whose name and bytes follow from the content alone: another
content is another name, so it is deployed, and the same content is not. OUT/manifest.json tells Terraform
the archives and entry points.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from infra.requirements import ROOT, requirements

OUT: Final = ROOT / "build" / "functions"
FUNCTIONS: Final = ROOT / "functions"

EXTRAS: Final = ("google",)
"""Of pyproject.toml: what functions need."""

_ENTRY_POINT = re.compile(r"^@functions_framework\.cloud_event\ndef (\w+)\(", re.MULTILINE)
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: a zip knows no earlier one."""


class StageError(Exception):
    """Something cannot be staged; says what."""


def names() -> list[str]:
    """Every function there is."""
    return sorted(path.parent.name for path in FUNCTIONS.glob("*/main.py"))


def stage(name: str, out: Path, site: Path | None = None) -> Path:
    """Makes OUT/NAME anew. site: the site's own files, which are put beside main.py. Raises StageError."""
    source = FUNCTIONS / name
    if not (source / "main.py").is_file():
        raise StageError(f"{name}: no function is called so; there are {', '.join(names())}")
    if site is not None and not (site / "settings.toml").is_file():
        raise StageError(f"{site}: there is no settings.toml")
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, ignore=_unwanted)
    shutil.copytree(ROOT / "guardian", folder / "guardian", ignore=_unwanted)
    if site is not None:
        shutil.copytree(site, folder / "site", ignore=_unwanted)
    (folder / "requirements.txt").write_text(requirements(EXTRAS), "utf-8")
    return folder


def archive(folder: Path) -> Path:
    """The folder as a zip beside it, named by its content. Archives of other contents are removed."""
    content = hashlib.sha256()
    for path, name in _files(folder):
        data = path.read_bytes()
        content.update(f"{name}\0{len(data)}\0".encode() + data)
    result = folder.with_name(f"{folder.name}-{content.hexdigest()[:16]}.zip")
    for old in folder.parent.glob(f"{folder.name}-*.zip"):
        old.unlink()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, name in _files(folder):
            about = zipfile.ZipInfo(name, _EARLIEST)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            packed.writestr(about, path.read_bytes())
    return result


def entry_point(source: Path) -> str:
    """The function in a main.py that takes the messages. Raises StageError."""
    if (found := _ENTRY_POINT.search(source.read_text("utf-8"))) is None:
        raise StageError(f"{source}: no function that takes CloudEvents")
    return found[1]


def main(arguments: list[str]) -> int:
    """Stages, and prints the archives. Returns 2 when something cannot be staged."""
    parser = argparse.ArgumentParser(prog="python -m infra.stage", description="Stages functions.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of functions; all if none is given")
    parser.add_argument("--site", type=Path, help="folder of the site's own files, with its settings.toml")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    file = options.out / "manifest.json"
    manifest: dict[str, dict[str, str]] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    try:
        for name in options.names or names():
            folder = stage(name, options.out, options.site)
            packed = archive(folder)
            manifest[name] = {"archive": packed.name, "entry_point": entry_point(folder / "main.py")}
            print(packed)
    except StageError as error:
        print(error, file=sys.stderr)
        return 2
    file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
    return 0


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file with its path below the folder, always in the same order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(folder).as_posix()


def _unwanted(folder: str, found: list[str]) -> set[str]:
    """What is left out: caches, and what is hidden."""
    return {name for name in found if name == "__pycache__" or name.endswith(".pyc") or name.startswith(".")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
