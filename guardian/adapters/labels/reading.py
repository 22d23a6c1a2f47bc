"""Codes read from an image."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from guardian.adapters.labels import LabelError

try:
    import zxingcpp
    from PIL import Image
except ImportError as error:
    raise LabelError(f"labels need {error.name}: pip install 'business-guardian[labels]'") from None

_MAX_PIXELS: Final = 50_000_000


def read_codes(path: Path) -> list[str]:
    """The text of every QR symbol in an image, in the order found. Raises LabelError if it is no image."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise LabelError(f"{path}: larger than {_MAX_PIXELS // 1_000_000} megapixels")
            pixels = image.convert("L")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, LabelError):
            raise
        raise LabelError(f"{path}: not an image") from None
    return [
        found.text
        for found in zxingcpp.read_barcodes(
            pixels, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    ]
