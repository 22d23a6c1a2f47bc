"""What is drawn as a label can be read off it again."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import zxingcpp
from hypothesis import given, settings
from PIL import Image, ImageDraw

from guardian.adapters.labels import LabelError
from guardian.adapters.labels.drawing import modules_of, png, svg
from guardian.adapters.labels.reading import read_codes
from guardian.adapters.labels.sheet import Grid, sheet_pdf
from guardian.qr.code import ProductCode
from guardian.qr.sign import sign
from tests.unit.qr.codes import CODE, KEY, code, codes, verifier

TEXT = sign(CODE, KEY)
LONGEST = sign(code(product_id="ü" * 250, location="L" * 235, issuer="E"), KEY)


def read(image: Image.Image) -> list[zxingcpp.Barcode]:
    # Other kinds of barcode are sometimes seen in the modules of a QR symbol.
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return list(zxingcpp.read_barcodes(image, formats=formats))


def rasterized(drawing: str, scale: int = 6) -> Image.Image:
    """An SVG as its viewer would show it, apart from its text."""
    root = ElementTree.fromstring(drawing)
    _, _, width, height = (int(number) for number in root.attrib["viewBox"].split())
    path = root.find("{http://www.w3.org/2000/svg}path")
    assert path is not None
    image = Image.new("L", (width * scale, height * scale), 255)
    draw = ImageDraw.Draw(image)
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path.attrib["d"])
    assert "".join(f"M{x} {y}h{n}v1h-{n}z" for x, y, n in runs) == path.attrib["d"]
    for x, y, length in ((int(x), int(y), int(n)) for x, y, n in runs):
        draw.rectangle((x * scale, y * scale, (x + length) * scale - 1, (y + 1) * scale - 1), fill=0)
    return image


@given(codes)
@settings(max_examples=25)
def test_a_png_is_read_back(wanted: ProductCode) -> None:
    text = sign(wanted, KEY)
    with Image.open(io.BytesIO(png(text, wanted.serial, scale=4))) as image:
        (found,) = read(image)
    assert found.text == text
    assert verifier().check(found.text).genuine


@given(codes)
@settings(max_examples=25)
def test_an_svg_is_read_back(wanted: ProductCode) -> None:
    text = sign(wanted, KEY)
    (found,) = read(rasterized(svg(text, wanted.location)))
    assert found.text == text


def test_the_longest_code_is_read_back() -> None:
    with Image.open(io.BytesIO(png(LONGEST))) as image:
        (found,) = read(image)
    assert found.text == LONGEST


@pytest.mark.parametrize("text", [TEXT, LONGEST, "x"])
def test_error_correction_is_m_or_better(text: str) -> None:
    with Image.open(io.BytesIO(png(text))) as image:
        (found,) = read(image)
    assert found.ec_level in {"M", "Q", "H"}


def test_a_damaged_label_is_still_read() -> None:
    with Image.open(io.BytesIO(png(TEXT, scale=8))) as image:
        stained = image.convert("L")
    side = stained.width
    ImageDraw.Draw(stained).ellipse((side * 0.45, side * 0.45, side * 0.6, side * 0.6), fill=255)
    (found,) = read(stained)
    assert verifier().check(found.text).genuine


def test_a_caption_is_shown_and_harmless() -> None:
    drawing = svg(TEXT, '<&"> P-1')
    line = ElementTree.fromstring(drawing).find("{http://www.w3.org/2000/svg}text")
    assert line is not None
    assert line.text == '<&"> P-1'
    with (
        Image.open(io.BytesIO(png(TEXT, "P-1"))) as with_caption,
        Image.open(io.BytesIO(png(TEXT))) as without,
    ):
        assert with_caption.height > without.height
        under = with_caption.crop((0, without.height, with_caption.width, with_caption.height))
        assert under.getextrema()[0] == 0, "nothing is written under the symbol"


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(LabelError):
        modules_of("x" * 3_000)


def test_codes_are_read_from_image_files(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    path.write_bytes(png(TEXT, "P-1"))
    assert read_codes(path) == [TEXT]
    Image.new("L", (50, 50), 255).save(path)
    assert read_codes(path) == []
    for content in (b"", b"no image", png(TEXT)[:200]):
        path.write_bytes(content)
        with pytest.raises(LabelError):
            read_codes(path)


def images_in(pdf: bytes) -> list[Image.Image]:
    """The grey pictures in a PDF. They are packed as in a PNG, so that is what each becomes again."""
    found = []
    for header, data in re.findall(
        rb"/DecodeParms <</Predictor 15([^\n]*\n.*?/Subtype /Image.*?)>>\nstream\n(.*?)\nendstream",
        pdf,
        re.DOTALL,
    ):
        size = {name: int(number) for name, number in re.findall(rb"/(Width|Height) (\d+)", header)}
        chunks = (
            (b"IHDR", struct.pack(">IIBBBBB", size[b"Width"], size[b"Height"], 8, 0, 0, 0, 0)),
            (b"IDAT", data),
            (b"IEND", b""),
        )
        packed = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
            for name, content in chunks
        )
        found.append(Image.open(io.BytesIO(packed)))
    return found


def test_a_sheet_holds_every_label() -> None:
    texts = [sign(code(serial=f"S{number}"), KEY) for number in range(7)]
    pdf = sheet_pdf([(text, ["P-1", "WH1/A-12 €"]) for text in texts], Grid(columns=2, rows=3))
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 2
    read_back = [found.text for image in images_in(pdf) for found in read(image)]
    assert sorted(read_back) == sorted(texts)


def test_labels_that_nobody_could_scan_are_not_printed() -> None:
    with pytest.raises(LabelError, match="mm"):
        sheet_pdf([(TEXT, [])], Grid(columns=8, rows=20))
    with pytest.raises(LabelError, match="no label"):
        sheet_pdf([])
