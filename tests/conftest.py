"""What every test shares: how Hypothesis searches, and the servers that some tests need."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.servers.firestore import firestore_emulator

__all__ = ["firestore_emulator"]

# No deadline anywhere: a slow or busy machine is not a failure.
# At a desk each run draws new examples, and finds new failures. In CI the examples are always the same
# ones, so that a red run means the change is at fault and is red again when it is repeated.
# `HYPOTHESIS_PROFILE=thorough` searches longer, for a night or a change to the engine.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=2_000)

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "desk"))
