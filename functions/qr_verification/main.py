"""Topics `qr-code-scans`, `inventory-digital`, `ticks` → alerts about codes. Settings: docs/functions.md."""

from __future__ import annotations

import os

import functions_framework
from cloudevents.http import CloudEvent

from guardian.detectors.parts import Part
from guardian.runtime.json_logs import log_as_json
from guardian.runtime.part import PartFunction
from guardian.runtime.struct_types import learn_struct_types

log_as_json()
learn_struct_types()
_function = PartFunction(Part.QR_VERIFICATION, os.environ)


@functions_framework.cloud_event
def verify(event: CloudEvent) -> None:
    """Takes one message. Raises NotTakenError: it comes again."""
    _function.take(event["source"], event.get_data())
