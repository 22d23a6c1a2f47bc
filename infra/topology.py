"""Topics and subscriptions for Terraform, which cannot ask Python: `topology.json`, made from the code.

python -m infra.topology
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from guardian.events.topics import OUTPUT_TOPICS, TOPICS, OutputTopic, Topic
from stack.topology import PUBSUB_TOPICS, subscriptions

FILE: Final = Path(__file__).parent / "terraform" / "topology.json"


def topology() -> dict[str, Any]:
    """kafka: topics by name, `input` for those that producers write. pubsub_topics. subscriptions: all, those
    of Eventarc's functions included; `push` tells whether something is called, or pulls."""
    kafka: dict[str, Topic | OutputTopic] = {**TOPICS, **OUTPUT_TOPICS}
    return {
        "kafka": {
            name: {
                "partitions": topic.partitions,
                "retention_days": topic.retention_days,
                "input": name in TOPICS,
            }
            for name, topic in sorted(kafka.items())
        },
        "pubsub_topics": sorted(PUBSUB_TOPICS),
        "subscriptions": [
            {
                "name": one.name,
                "topic": one.topic,
                "part": one.part,
                "push": one.path is not None,
                "ack_deadline_s": one.ack_deadline_s,
                "first_retry_s": one.first_retry_s,
                "longest_retry_s": one.longest_retry_s,
                "given_up": one.given_up,
            }
            for one in subscriptions("-")
        ],
    }


def text() -> str:
    """The file's content."""
    return json.dumps(topology(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
