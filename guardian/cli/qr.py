"""`guardian qr`: keys, product codes, their labels, and whether a code is genuine."""

from __future__ import annotations

import base64
import csv
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from guardian.adapters.embedded.key_file import KeyFile
from guardian.adapters.labels import LabelError
from guardian.events.warehouse import QR_ISSUED, QR_REVOKED
from guardian.ports import KeyStoreError
from guardian.qr.code import ProductCode
from guardian.qr.keys import KeyRing, KeyRingError, PublicKeys, SigningKey
from guardian.qr.link import LinkError, gtin_14
from guardian.qr.sign import DEFAULT_HOST, sign
from guardian.qr.verify import Verdict, Verifier, claimed_serial

app = typer.Typer(
    help="Product codes: keys, labels, and whether a code is genuine (see docs/codes.md).",
    no_args_is_help=True,
)

SERIAL_BYTES: Final = 10
"""80 random bits: 16 characters, of which nobody guesses one that exists."""

_MISUSE: Final = 2
_NOT_GENUINE: Final = 1
_MAX_CODES: Final = 100_000

KeysOption = Annotated[
    Path, typer.Option("--keys", envvar="GUARDIAN_QR_KEYS", help="The private key file; yours alone.")
]
HostOption = Annotated[str, typer.Option(help="Host of the links, where a customer's phone would go.")]


class UsageError(ValueError):
    """What was asked for cannot be done; the text says why."""


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (UsageError, KeyStoreError, KeyRingError, LinkError, LabelError) as error:
        typer.echo(f"guardian: {error}", err=True)
        raise typer.Exit(_MISUSE) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"guardian: {where}{error.strerror}", err=True)
        raise typer.Exit(_MISUSE) from None


@app.command("keygen")
def keygen_command(
    keys: KeysOption,
    legacy_secret_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the shared secret of the codes of the older kind, to be kept with the keys."
        ),
    ] = None,
) -> None:
    """Makes a key file with a first key."""
    with _one_line_errors():
        ring = KeyRing()
        key_id = ring.add(secrets.token_bytes(32), _now())
        if legacy_secret_file is not None:
            ring.legacy_secret = _legacy_secret(legacy_secret_file)
        KeyFile(keys).save(ring)
        typer.echo(key_id)


@app.command("rotate")
def rotate_command(keys: KeysOption) -> None:
    """Adds a key, which signs from now on. Codes signed before stay genuine."""
    with _one_line_errors():
        store = KeyFile(keys)
        ring = store.load()
        key_id = ring.add(secrets.token_bytes(32), _now())
        store.save(ring)
        typer.echo(key_id)


@app.command("revoke-key")
def revoke_key_command(
    key_id: Annotated[str, typer.Argument(help="As `guardian qr public` lists it.")], keys: KeysOption
) -> None:
    """Makes everything a key has signed void, whenever it was signed."""
    with _one_line_errors():
        store = KeyFile(keys)
        ring = store.load()
        ring.revoke(key_id)
        store.save(ring)


@app.command("public")
def public_command(
    keys: KeysOption,
    out: Annotated[Path | None, typer.Option(help="Write it here; by convention qr_keys.json.")] = None,
) -> None:
    """Prints the public keys, which is all that verifying takes."""
    with _one_line_errors():
        text = KeyFile(keys).load().public().to_json()
        if out is None:
            typer.echo(text, nl=False)
        else:
            _write(out, text.encode())


@app.command("issue")
def issue_command(
    keys: KeysOption,
    issuer: Annotated[str, typer.Option(help="Who issues the codes, as an employee id.")],
    product: Annotated[str | None, typer.Option(help="The article.")] = None,
    location: Annotated[str | None, typer.Option(help="The place it is issued for.")] = None,
    gtin: Annotated[str | None, typer.Option(help="The article's GTIN, 8 to 14 digits.")] = None,
    count: Annotated[int, typer.Option(min=1, max=_MAX_CODES, help="How many codes of each row.")] = 1,
    table: Annotated[
        Path | None, typer.Option("--from", help="CSV with columns product, location and perhaps gtin.")
    ] = None,
    host: HostOption = DEFAULT_HOST,
    out: Annotated[
        Path | None, typer.Option(help="Write the URLs here, one a line, not to the screen.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="Append the qr_issued records to this file of qr-code-scans.")
    ] = None,
) -> None:
    """Makes signed codes, each with a serial of its own: all that were asked for, or none."""
    with _one_line_errors():
        if table is not None:
            if product or location or gtin:
                raise UsageError("either --from, or --product and --location")
            wanted = list(_rows(table))
        elif product and location:
            wanted = [(product, location, gtin)]
        else:
            raise UsageError("what to issue: --product and --location, or --from")
        if len(wanted) * count > _MAX_CODES:
            raise UsageError(f"more than {_MAX_CODES:,} codes at a time")
        key, at = KeyFile(keys).load().signing_key(), _now()
        issued = [_issued(row, issuer, host, key, at) for row in wanted for _ in range(count)]
        # Registered before anybody can hold the label in hand.
        if events is not None:
            _append(events, [_record(QR_ISSUED, code, at, issuer, url) for code, url in issued])
        lines = "".join(f"{url}\n" for _, url in issued)
        if out is None:
            typer.echo(lines, nl=False)
        else:
            _write(out, lines.encode())


@app.command("revoke")
def revoke_command(
    qr_id: Annotated[str, typer.Argument(help="The code's id, or its whole text.")],
    issuer: Annotated[str, typer.Option(help="Who revokes it, as an employee id.")],
    events: Annotated[Path, typer.Option(help="Append the record to this file of qr-code-scans.")],
    product: Annotated[str | None, typer.Option(help="Its article, where the file does not say.")] = None,
    location: Annotated[str | None, typer.Option(help="Its place, where the file does not say.")] = None,
) -> None:
    """Makes one code void: writes the qr_revoked record that the running product listens to."""
    with _one_line_errors():
        serial = claimed_serial(qr_id) or qr_id
        known = _last_issue(events, serial)
        article, place = product or known[0], location or known[1]
        if not article or not place:
            raise UsageError(f"{events} does not tell of {serial[:64]!r}: say --product and --location")
        at = _now()
        code = ProductCode(product_id=article, serial=serial, location=place, issued_at=at, issuer=issuer)
        _append(events, [_record(QR_REVOKED, code, at, issuer, None)])


@app.command("render")
def render_command(
    text: Annotated[str, typer.Argument(help="The code's text; - reads it from standard input.")],
    out: Annotated[Path, typer.Option(help="A .png or .svg file.")],
    caption: Annotated[
        str | None, typer.Option(help="Line under the symbol. Default: the code's id.")
    ] = None,
    scale: Annotated[int, typer.Option(min=1, max=64, help="Pixels a module, for PNG.")] = 8,
) -> None:
    """Draws a code as a label."""
    with _one_line_errors():
        from guardian.adapters.labels.drawing import png, svg

        text = _text(text)
        line = (claimed_serial(text) or "") if caption is None else caption
        match out.suffix.lower():
            case ".png":
                _write(out, png(text, line, scale=scale))
            case ".svg":
                _write(out, svg(text, line).encode())
            case _:
                raise UsageError(f"{out}: labels are drawn as .png or .svg")


@app.command("sheet")
def sheet_command(
    urls: Annotated[Path, typer.Argument(help="File with one code a line, as `issue` writes it.")],
    out: Annotated[Path, typer.Option(help="The PDF to write.")],
    columns: Annotated[int, typer.Option(min=1, max=8, help="Labels beside each other.")] = 3,
    rows: Annotated[int, typer.Option(min=1, max=12, help="Labels below each other.")] = 8,
) -> None:
    """Lays codes out on A4 sheets, as a PDF to print."""
    with _one_line_errors():
        from guardian.adapters.labels.sheet import Grid, sheet_pdf

        texts = [line for line in _lines(urls) if line]
        # Without keys: a sheet shows what the codes claim, and proves nothing.
        reader = Verifier(PublicKeys([]))
        labels = [(text, _caption(reader.check(text))) for text in texts]
        _write(out, sheet_pdf(labels, Grid(columns=columns, rows=rows)))


@app.command("verify")
def verify_command(
    code: Annotated[
        str, typer.Argument(help="A scanned text, an image file with codes, or - for standard input.")
    ],
    public: Annotated[
        Path | None,
        typer.Option(help="Public keys: a qr_keys.json. Enough for all but codes of the older kind."),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(envvar="GUARDIAN_QR_KEYS", help="The private key file, instead of --public."),
    ] = None,
) -> None:
    """Says whether a code is genuine, and why not. Status 0: it is; 1: it is not; 2: it cannot be told."""
    with _one_line_errors():
        verifier = _verifier(public, keys)
        image = _image(code)
        if image is None:
            texts: Sequence[str] = [_text(code)]
        else:
            from guardian.adapters.labels.reading import read_codes

            texts = read_codes(image)
            if not texts:
                typer.echo("not_a_code: no QR symbol can be read in this image")
                raise typer.Exit(_NOT_GENUINE)
        verdicts = [verifier.check(text) for text in texts]
        for verdict in verdicts:
            typer.echo(_line(verdict))
        if not all(verdict.genuine for verdict in verdicts):
            raise typer.Exit(_NOT_GENUINE)


def _now() -> int:
    return int(time.time() * 1000)


def _legacy_secret(path: Path) -> str:
    secret = path.read_bytes().strip()
    if len(secret) < 16:
        raise UsageError(f"{path}: a secret of less than 16 bytes protects nothing")
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def _rows(table: Path) -> Iterator[tuple[str, str, str | None]]:
    reader = csv.DictReader(_lines(table))
    if not {"product", "location"} <= set(reader.fieldnames or ()):
        raise UsageError(f"{table}: expected a header with product, location and perhaps gtin")
    for row in reader:
        product, location = (row["product"] or "").strip(), (row["location"] or "").strip()
        if not product or not location:
            raise UsageError(f"{table}, line {reader.line_num}: product and location are required")
        yield product, location, (row.get("gtin") or "").strip() or None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8") from None


def _issued(
    row: tuple[str, str, str | None], issuer: str, host: str, key: SigningKey, at: int
) -> tuple[ProductCode, str]:
    product, location, gtin = row
    try:
        code = ProductCode(
            product_id=product,
            serial=base64.b32encode(secrets.token_bytes(SERIAL_BYTES)).decode("ascii"),
            location=location,
            issued_at=at,
            issuer=issuer,
            gtin=gtin_14(gtin) if gtin is not None else None,
        )
        return code, sign(code, key, host)
    except LinkError as error:
        raise UsageError(f"{product[:64]}: {error}") from None


def _record(action: str, code: ProductCode, at: int, by: str, url: str | None) -> bytes:
    row = {
        "product_id": code.product_id,
        "location": code.location,
        "timestamp": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"),
        "action": action,
        "qr_id": code.serial,
        "qr_data": url,
        "generated_by": by,
    }
    return msgspec.json.encode({name: value for name, value in row.items() if value is not None}) + b"\n"


def _append(path: Path, lines: list[bytes]) -> None:
    """Adds whole lines, in one piece, for somebody who may be reading along."""
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
            lines = [b"\n", *lines]
        file.write(b"".join(lines))
        file.flush()
        os.fsync(file.fileno())


class _Known(msgspec.Struct):
    product_id: str = ""
    location: str = ""
    qr_id: str = ""


def _last_issue(events: Path, serial: str) -> tuple[str, str]:
    """Article and place in the last record of a code; empty where there is none."""
    found = ("", "")
    if not events.exists():
        return found
    decode = msgspec.json.Decoder(_Known).decode
    with events.open("rb") as file:
        for line in file:
            try:
                row = decode(line)
            except ValueError:
                continue
            if row.qr_id == serial:
                found = (row.product_id, row.location)
    return found


def _write(path: Path, content: bytes) -> None:
    # Whole or not at all: a reader never finds half a file.
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def _verifier(public: Path | None, keys: Path | None) -> Verifier:
    if public is not None:
        return Verifier(PublicKeys.from_json(public.read_bytes()))
    if keys is not None:
        ring = KeyFile(keys).load()
        return Verifier(ring.public(), ring.legacy())
    raise UsageError("which keys: --public or --keys")


def _image(code: str) -> Path | None:
    """The file that is meant, if one is."""
    try:
        path = Path(code)
        return path if path.is_file() else None
    except (OSError, ValueError):  # longer than a file name, or with characters that none has
        return None


def _text(argument: str) -> str:
    """The text itself, or from standard input, without the line's end."""
    return sys.stdin.read().removesuffix("\n") if argument == "-" else argument


def _caption(verdict: Verdict) -> list[str]:
    code = verdict.code
    return [] if code is None else [code.product_id, code.location, code.serial]


def _line(verdict: Verdict) -> str:
    code = verdict.code
    claim = "" if code is None else f" (says: {code.product_id!r} at {code.location!r}, {code.serial})"
    return f"{verdict.outcome.value}: {verdict.why}{claim}"
