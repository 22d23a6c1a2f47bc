"""JSON Schemas of the streams' values, for the Schema Registry: made from the contracts.

python -m infra.schemas
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import msgspec

from guardian.events.topics import TOPICS

FOLDER: Final = Path(__file__).parent / "kafka" / "schemas"


def schemas() -> dict[str, str]:
    """By topic, as text. A producer may send more fields than a contract names."""
    return {
        name: json.dumps(msgspec.json.schema(topic.contract), indent=1, sort_keys=True) + "\n"
        for name, topic in TOPICS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / f"{name}.json").write_text(schema, "utf-8")
