"""Labels on A4 sheets, to print and cut or to print on stickers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import msgspec

from guardian.adapters.labels import LabelError
from guardian.adapters.labels.drawing import picture

try:
    from fpdf import FPDF
except ImportError as error:
    raise LabelError(f"labels need {error.name}: pip install 'business-guardian[labels]'") from None

_PAGE_MM: Final = (210.0, 297.0)
_TEXT_PT: Final = 7.0
_LINE_MM: Final = 3.2
_LEAST_MM: Final = 20.0


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """How a sheet is divided. margin_mm: on all sides of the page; gap_mm: kept free inside each label."""

    columns: int = 3
    rows: int = 8
    margin_mm: float = 5.0
    gap_mm: float = 1.5


def sheet_pdf(labels: Sequence[tuple[str, Sequence[str]]], grid: Grid = Grid()) -> bytes:  # noqa: B008
    """A PDF of labels: the text of a code, and lines for people beside it. Raises LabelError."""
    width = (_PAGE_MM[0] - 2 * grid.margin_mm) / grid.columns
    height = (_PAGE_MM[1] - 2 * grid.margin_mm) / grid.rows
    side = min(width, height) - 2 * grid.gap_mm
    if side < _LEAST_MM:
        raise LabelError(f"labels smaller than {_LEAST_MM:.0f} mm cannot be scanned: fewer columns or rows")
    if not labels:
        raise LabelError("there is no label to print")
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_font("Helvetica", size=_TEXT_PT)
    for number, (text, lines) in enumerate(labels):
        place = number % (grid.columns * grid.rows)
        if place == 0:
            pdf.add_page()
        x = grid.margin_mm + place % grid.columns * width + grid.gap_mm
        y = grid.margin_mm + place // grid.columns * height + grid.gap_mm
        out = io.BytesIO()
        # In grey: black and white would be packed as fax is, which not every printer's software reads.
        picture(text).convert("L").save(out, "PNG")
        pdf.image(out, x, y, side, side)
        beside = width - side - 3 * grid.gap_mm
        for row, line in enumerate(lines):
            pdf.set_xy(x + side + grid.gap_mm, y + _LINE_MM * (row + 1))
            pdf.cell(beside, _LINE_MM, _fitting(pdf, _latin(line), beside))
    return bytes(pdf.output())


def _latin(line: str) -> str:
    """What the built-in font can show."""
    return line.encode("latin-1", "replace").decode("latin-1")


def _fitting(pdf: FPDF, line: str, width: float) -> str:
    while line and pdf.get_string_width(line) > width:
        line = line[:-1]
    return line
