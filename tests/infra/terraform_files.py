"""Our Terraform as text: its blocks, read with python-hcl2, and what the providers accept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import msgspec

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "infra" / "terraform"
CHECKS = TERRAFORM / "checks"

_META = {"count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "connection", "dynamic"}
_HIDDEN = {"__is_block__", "__comments__"}


class Block(msgspec.Struct, frozen=True):
    """A resource or a data source. body: attributes as values, nested blocks as lists of bodies."""

    where: Path
    kind: str
    type: str
    name: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.where.relative_to(TERRAFORM)}: {self.kind} {self.type}.{self.name}"


def files() -> list[Path]:
    return sorted(path for path in TERRAFORM.rglob("*.tf") if ".terraform" not in path.parts)


def blocks(kinds: tuple[str, ...] = ("resource", "data")) -> Iterator[Block]:
    """Every resource and data source."""
    for path in files():
        content = hcl2.loads(path.read_text("utf-8"))
        for kind in kinds:
            for entry in content.get(kind, []):
                for of_type, named in _children(entry):
                    for name, body in _children(named):
                        yield Block(path, kind, of_type, name, body)


def schemas() -> dict[str, dict[str, Any]]:
    """For resource and data: what the providers accept, by type."""
    found: dict[str, dict[str, Any]] = {"resource": {}, "data": {}}
    for name in ("google", "confluent"):
        provider = json.loads((CHECKS / f"{name}.json").read_text("utf-8"))
        found["resource"] |= provider["resources"]
        found["data"] |= provider["data_sources"]
    return found


def complaints(body: dict[str, Any], schema: dict[str, Any], where: str) -> Iterator[str]:
    """What a provider would not take of a body."""
    attributes, nested = schema.get("attributes", {}), schema.get("block_types", {})
    given: dict[str, list[dict[str, Any]]] = {}
    for name, value in _children(body):
        if name in _META:
            continue
        if _is_block(value):
            given.setdefault(name, []).extend(value)
        elif name not in attributes:
            yield f"{where}: no attribute {name}"
        elif not (attributes[name].get("required") or attributes[name].get("optional")):
            yield f"{where}: {name} is for the provider to set"
    dynamic = set()
    for entry in body.get("dynamic", []):
        for name, about in _children(entry):
            dynamic.add(name)
            given.setdefault(name, []).extend(about["content"])
    for name, bodies in given.items():
        if name not in nested:
            yield f"{where}: no block {name}"
            continue
        most = nested[name].get("max_items", 0)
        if most and len(bodies) > most and name not in dynamic:
            yield f"{where}: {len(bodies)} times {name}"
        for one in bodies:
            yield from complaints(one, nested[name]["block"], f"{where}.{name}")
    for name, about in attributes.items():
        if about.get("required") and name not in body:
            yield f"{where}: {name} is missing"
    for name, about in nested.items():
        if about.get("min_items") and name not in given:
            yield f"{where}: {name} is missing"


def texts(body: Any) -> Iterator[str]:
    """Every text in a body."""
    if isinstance(body, str):
        yield plain(body)
    elif isinstance(body, list):
        for one in body:
            yield from texts(one)
    elif isinstance(body, dict):
        for name, one in body.items():
            if name not in _HIDDEN:
                yield from texts(one)


def plain(text: str) -> str:
    """A quoted text without its quotes."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _children(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if name not in _HIDDEN:
            yield plain(name), value


def _is_block(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "__is_block__" in value[0]
    )
