"""Summarises what a provider accepts, for the resources that our Terraform uses.

    npm pack @cdktf/provider-google@16.12.1, unpacked: package/lib is the FOLDER
    python infra/terraform/checks/extract.py FOLDER

The package is generated from the provider's own schema. Its JavaScript names every attribute with its type,
every block with its nesting, and what is computed; its declarations say what is required. `google.json`
beside this script is what comes out. Run it again when Terraform begins to use another resource.
`confluent.json` is written by hand, from that provider's documentation.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
TERRAFORM: Final = HERE.parent

_SIMPLE: Final[dict[str, Any]] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "stringMap": ["map", "string"],
    "booleanMap": ["map", "bool"],
    "stringMapList": ["list", ["map", "string"]],
}
_GETTERS: Final[dict[str, Any]] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
}
_ENTRY = re.compile(
    r'(\w+): \{\s*value: (.*?),\s*isBlock: (true|false),\s*type: "(\w+)",\s*storageClassType: "(\w+)",\s*\}',
    re.S,
)
_COMPUTED = re.compile(r"// (\w+) - computed: true, optional: (true|false), required: false")
_USED = re.compile(r'^(resource|data) "(google_\w+)"', re.MULTILINE)


class Module:
    """The classes of one resource, and what they tell."""

    def __init__(self, folder: Path) -> None:
        self.script = (folder / "index.js").read_text("utf-8")
        declarations = (folder / "index.d.ts").read_text("utf-8")
        self._required = {
            found[1]: {one[1]: one[2] != "?" for one in re.finditer(r"readonly (\w+)(\??):", found[2])}
            for found in re.finditer(
                r"export interface (\w+)(?: extends [\w.]+)? \{(.*?)\n\}", declarations, re.S
            )
        }
        self._entries = {
            found[1]: found[2]
            for found in re.finditer(
                r"\nfunction (\w+)ToHclTerraform\(struct\) \{(.*?)\n\}\n", self.script, re.S
            )
        }
        self._classes = {
            found[1]: found[2]
            for found in re.finditer(r"\nclass (\w+) extends [\w.]+ \{(.*?)\n\}\n", self.script, re.S)
        }

        self._main = next(name for name, body in self._classes.items() if "synthesizeHclAttributes" in body)

    def block(self) -> dict[str, Any]:
        """The resource itself."""
        entries = self._classes[self._main].split("synthesizeHclAttributes() {")[1]
        return self._block(entries, f"{self._main}Config", self._main)

    def _block(self, entries: str, interface: str, owner: str) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        body = self._classes.get(owner, "")
        computed = {found[1] for found in _COMPUTED.finditer(body)}
        for name, value, is_block, kind, storage in _ENTRY.findall(entries):
            accessor = re.search(r"(?:struct\.|this\._)(\w+)", value)
            if accessor is None:
                raise ValueError(f"{interface}: {name}: {value}")
            required = self._required[interface][accessor[1]]
            if is_block == "true":
                blocks[name] = self._nested(name, value, kind, required=required)
                continue
            shape = _SIMPLE[storage]
            attribute = {"type": ["set", shape[1]] if kind == "set" else shape}
            attribute["required" if required else "optional"] = True
            if not required and (name in computed or (name == "id" and owner == self._main)):
                attribute["computed"] = True
            attributes[name] = attribute
        for name in computed - attributes.keys() - blocks.keys():
            attributes[name] = {"type": self._output(name, body), "computed": True}
        found = {"attributes": dict(sorted(attributes.items()))}
        return found | {"block_types": dict(sorted(blocks.items()))} if blocks else found

    def _nested(self, name: str, value: str, kind: str, *, required: bool) -> dict[str, Any]:
        found = re.search(r"(\w+)ToHclTerraform", value)
        if found is None:
            raise ValueError(f"{name}: {value}")
        interface = found[1][0].upper() + found[1][1:]
        nested: dict[str, Any] = {
            "nesting_mode": "set" if kind == "set" else "list",
            "block": self._block(self._entries[found[1]], interface, f"{interface}OutputReference"),
        }
        if "listMapperHcl" not in value:
            nested |= {"nesting_mode": "single"} if name == "timeouts" else {"max_items": 1}
        return nested | ({"min_items": 1} if required else {})

    def _output(self, name: str, body: str) -> Any:
        """The type of what only the provider sets."""
        if found := re.search(rf"return this\.get(\w+)Attribute\('{name}'\)", body):
            return _GETTERS.get(found[1], "dynamic")
        if re.search(rf"new cdktf\.\w*StringMap\(this, \"{name}\"\)", body):
            return ["map", "string"]
        if found := re.search(rf"new (\w+)List\(this, \"{name}\", (true|false)\)", body):
            inside = self._classes.get(f"{found[1]}OutputReference", "")
            fields = {one[1]: self._output(one[1], inside) for one in _COMPUTED.finditer(inside)}
            return ["set" if found[2] == "true" else "list", ["object", fields]]
        return "dynamic"


def main() -> None:
    """Writes google.json."""
    library = Path(sys.argv[1])
    used = {match for path in TERRAFORM.rglob("*.tf") for match in _USED.findall(path.read_text("utf-8"))}
    schemas: dict[str, dict[str, Any]] = {"resource": {}, "data": {}}
    version = ""
    for kind, name in sorted(used):
        plain = name.removeprefix("google_").replace("_", "-")
        module = Module(library / (plain if kind == "resource" else f"data-google-{plain}"))
        schemas[kind][name] = module.block()
        version = re.findall(r"providerVersion: '([\d.]+)'", module.script)[0]
    result = {
        "source": "registry.terraform.io/hashicorp/google",
        "version": version,
        "provider": Module(library / "provider").block(),
        "resources": schemas["resource"],
        "data_sources": schemas["data"],
    }
    (HERE / "google.json").write_text(json.dumps(result, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
