"""Product codes as images: drawn, read back, and laid out on sheets. Needs the extra `labels`."""

from __future__ import annotations


class LabelError(ValueError):
    """A label that cannot be drawn or read; says why."""
