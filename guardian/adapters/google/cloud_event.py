"""The Pub/Sub message in a CloudEvent, whichever of three ways it has come."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any


class MessageError(ValueError):
    """A CloudEvent without a message in it. Says why, and shows nothing of it."""


def message_data(data: Any) -> bytes:
    """The bytes that were published. data: of the CloudEvent.

    A wrapped push and Eventarc give {"message": {"data": base64}}; an unwrapped push whose attributes make it
    a CloudEvent gives the bytes themselves, as JSON already read where they were that. Raises MessageError.
    """
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if isinstance(data, str):
        return data.encode("utf-8", "surrogatepass")
    if not isinstance(data, Mapping):
        raise MessageError("no message")
    message = data.get("message")
    if message is None:
        return json.dumps(dict(data)).encode()
    encoded = message.get("data") if isinstance(message, Mapping) else None
    if not isinstance(encoded, str):
        raise MessageError("a message without data")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise MessageError("data that is not Base64") from None
