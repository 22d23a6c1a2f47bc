"""A code as a QR symbol with a line for people under it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from guardian.adapters.labels import LabelError

try:
    import segno
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:
    raise LabelError(f"labels need {error.name}: pip install 'business-guardian[labels]'") from None

QUIET_MODULES: Final = 4
"""White border that the standard asks for."""

_CAPTION_MODULES: Final = 5
_TEXT_MODULES: Final = 3
# Of a digit of the built-in font, to its height.
_TEXT_WIDTH: Final = 0.6


def modules_of(text: str) -> list[list[bool]]:
    """The symbol, row by row, without its quiet border; True is black. Raises LabelError.

    Error correction is M (15 % of the symbol may be lost) or better where that costs no space.
    """
    try:
        symbol = segno.make(text, error="m", micro=False, boost_error=True)
    except (ValueError, segno.DataOverflowError):
        raise LabelError("this text does not fit into a QR symbol") from None
    return [[bool(module) for module in row] for row in symbol.matrix]


def png(text: str, caption: str = "", *, scale: int = 8) -> bytes:
    """The label as a PNG. scale: pixels a module. Raises LabelError."""
    out = io.BytesIO()
    picture(text, caption, scale=scale).save(out, "PNG")
    return out.getvalue()


def picture(text: str, caption: str = "", *, scale: int = 8) -> Image.Image:
    """The label in black and white. Raises LabelError."""
    modules = modules_of(text)
    side = len(modules) + 2 * QUIET_MODULES
    height = side + (_CAPTION_MODULES if caption else 0)
    image = Image.new("1", (side * scale, height * scale), 1)
    draw = ImageDraw.Draw(image)
    for x, y, length in _runs(modules):
        draw.rectangle((x * scale, y * scale, (x + length) * scale - 1, (y + 1) * scale - 1), fill=0)
    if caption:
        font = ImageFont.load_default(_text_modules(caption, side) * scale)
        draw.text((side * scale / 2, side * scale), caption, fill=0, font=font, anchor="ma")
    return image


def svg(text: str, caption: str = "") -> str:
    """The label as an SVG of one unit a module. Raises LabelError."""
    modules = modules_of(text)
    side = len(modules) + 2 * QUIET_MODULES
    height = side + (_CAPTION_MODULES if caption else 0)
    path = "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in _runs(modules))
    line = (
        f'<text x="{side / 2}" y="{side + _TEXT_MODULES}" text-anchor="middle" '
        f'font-family="sans-serif" font-size="{_text_modules(caption, side):.2f}">{escape(caption)}</text>'
        if caption
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {height}" '
        f'width="{side}mm" height="{height}mm">'
        f'<rect width="100%" height="100%" fill="#fff"/><path d="{path}"/>{line}</svg>\n'
    )


def _runs(modules: list[list[bool]]) -> Iterator[tuple[int, int, int]]:
    """Black modules that lie side by side: x, y, how many; with the quiet border counted in."""
    for y, row in enumerate(modules, QUIET_MODULES):
        start: int | None = None
        for x, black in enumerate([*row, False], QUIET_MODULES):
            if black and start is None:
                start = x
            elif not black and start is not None:
                yield start, y, x - start
                start = None


def _text_modules(caption: str, side: int) -> float:
    """Height of a text that fits the width."""
    return min(_TEXT_MODULES, side / (_TEXT_WIDTH * len(caption)))
