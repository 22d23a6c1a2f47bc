"""What every test shares: how Hypothesis searches, and the servers that some tests need."""

from __future__ import annotations

import os

from hypothesis import settings

# One server each for the whole session: a fixture that two modules import is two fixtures, and two servers.
from tests.servers.bigquery import bigquery_emulator
from tests.servers.firestore import firestore_emulator
from tests.servers.flink import flink
from tests.servers.kafka import kafka
from tests.servers.pubsub import pubsub

__all__ = ["bigquery_emulator", "firestore_emulator", "flink", "kafka", "pubsub"]

# No deadline anywhere: a slow or busy machine is not a failure.
# At a desk each run draws new examples, and finds new failures. In CI the examples are always the same
# ones, so that a red run means the change is at fault and is red again when it is repeated.
# `HYPOTHESIS_PROFILE=thorough` searches longer, for a night or a change to the engine.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=2_000)

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "desk"))
