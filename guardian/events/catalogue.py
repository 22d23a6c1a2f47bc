"""The product catalogue: what an article weighs and costs, and whose EPC serials are whose."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from io import StringIO

import msgspec

from guardian.events.wording import found

_NUMBER_MAX = 1e9
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_MAX_EPC_DIGITS = 64


class CatalogueError(ValueError):
    """Something in a catalogue that cannot be used.

    line: line of the file, from 1. column: header name, None when the row or file as a whole is meant.
    found: the offending text.
    """

    def __init__(self, line: int, column: str | None, found: str, why: str) -> None:
        super().__init__(f"line {line}{f', {column}' if column else ''}: {why}")
        self.line = line
        self.column = column
        self.found = found


class Product(msgspec.Struct, frozen=True, gc=False):
    """One SKU. weight_g: grams a unit; price: the store's currency; quantity: units stocked at first;
    category: what kind of article it is, in the owner's words.

    epc_first, epc_last: the range of tag serials given to its units, both included. None: not stated.
    """

    sku: str
    name: str = ""
    weight_g: float | None = None
    price: float | None = None
    barcode: str | None = None
    quantity: int | None = None
    epc_first: int | None = None
    epc_last: int | None = None
    category: str = ""


class Catalogue:
    """Products by SKU and by EPC serial. Never changes once built.

    problems: what was wrong with the rows it was built from, for people. A row with a problem in it is
    left out, save an EPC range that overlaps an earlier product's: that product then has no range.
    """

    def __init__(self, products: Iterable[Product], problems: Iterable[str] = ()) -> None:
        self.problems: list[str] = list(problems)
        self._products: dict[str, Product] = {}
        for product in products:
            if product.sku in self._products:
                self.problems.append(f"SKU {product.sku} occurs again; its first row counts")
            else:
                self._products[product.sku] = product
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._owners: list[str] = []
        for product in self._products.values():
            self._index_range(product)

    @classmethod
    def empty(cls) -> Catalogue:
        """A catalogue that knows nothing."""
        return cls(())

    @classmethod
    def from_csv_text(cls, text: str) -> Catalogue:
        """Reads SKU, product_name, quantity, EPC_range, barcode, weight (g), price, category; SKU alone is
        required.

        Header names in any case and order; blank lines and a byte order mark do not matter. Rows that
        cannot be used are reported in `problems`. Raises CatalogueError if there is no SKU column.
        """
        problems: list[str] = []
        products: dict[str, Product] = {}
        for line, row in _rows(text, problems):
            try:
                product = _product(line, row)
                if product.sku in products:
                    raise CatalogueError(
                        line, "SKU", product.sku, f"{found(product.sku)} occurs again, first row counts"
                    )
            except CatalogueError as error:
                problems.append(str(error))
            else:
                products[product.sku] = product
        return cls(products.values(), problems)

    def get(self, sku: str) -> Product | None:
        """The product, or None if the catalogue does not list it."""
        return self._products.get(sku)

    def sku_of_epc(self, epc: str) -> str | None:
        """SKU whose range holds this hexadecimal serial; None if none does, or if it is no serial."""
        serial = _serial(epc)
        if serial is None:
            return None
        at = bisect_right(self._firsts, serial) - 1
        return self._owners[at] if at >= 0 and serial <= self._lasts[at] else None

    def __len__(self) -> int:
        return len(self._products)

    def __iter__(self) -> Iterator[Product]:
        return iter(self._products.values())

    def __contains__(self, sku: object) -> bool:
        return sku in self._products

    def _index_range(self, product: Product) -> None:
        """Keeps the ranges sorted and apart from each other, so that one bisection finds the owner."""
        first, last = product.epc_first, product.epc_last
        if first is None or last is None:
            return
        at = bisect_right(self._firsts, first)
        for other in (at - 1, at):
            if 0 <= other < len(self._firsts) and self._firsts[other] <= last and first <= self._lasts[other]:
                self.problems.append(
                    f"EPC range of {product.sku} overlaps that of {self._owners[other]}, which counts"
                )
                return
        self._firsts.insert(at, first)
        self._lasts.insert(at, last)
        self._owners.insert(at, product.sku)


def _rows(text: str, problems: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by header name in lower case, with the line each ends on."""
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    names: list[str] | None = None
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(str(CatalogueError(reader.line_num, None, "", f"not readable as CSV: {error}")))
            continue
        if not any(cells):
            continue
        if names is None:
            names = [cell.lower() for cell in cells]
            if "sku" not in names:
                header = ",".join(cells)
                raise CatalogueError(
                    reader.line_num, "SKU", header, f"expected a header with SKU, found {found(header)}"
                )
            continue
        if len(cells) > len(names):
            why = f"{len(cells)} cells under {len(names)} headers; is a comma in a name not quoted?"
            problems.append(str(CatalogueError(reader.line_num, None, ",".join(cells), why)))
            continue
        yield reader.line_num, dict(zip(names, cells, strict=False))
    if names is None:
        raise CatalogueError(max(reader.line_num, 1), "SKU", "", "expected a header with SKU, found nothing")


def _product(line: int, row: dict[str, str]) -> Product:
    sku = row.get("sku", "")
    if not sku:
        raise CatalogueError(line, "SKU", sku, "required, but empty")
    first, last = _epc_range(line, row.get("epc_range", ""))
    quantity = _number(line, "quantity", row.get("quantity", ""))
    if quantity is not None and not quantity.is_integer():
        raise CatalogueError(
            line, "quantity", row["quantity"], f"expected whole units, found {found(row['quantity'])}"
        )
    return Product(
        sku=sku,
        name=row.get("product_name", ""),
        weight_g=_number(line, "weight", row.get("weight", "")),
        price=_number(line, "price", row.get("price", "")),
        barcode=row.get("barcode") or None,
        quantity=None if quantity is None else int(quantity),
        epc_first=first,
        epc_last=last,
        category=row.get("category", ""),
    )


def _number(line: int, column: str, text: str) -> float | None:
    """A number that is not negative; None for an empty cell."""
    if not text:
        return None
    try:
        # float() takes "1_000" too, which no spreadsheet writes on purpose.
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= _NUMBER_MAX:
        raise CatalogueError(
            line, column, text, f"expected a number from 0 to {_NUMBER_MAX:.0e}, found {found(text)}"
        )
    return value


def _epc_range(line: int, text: str) -> tuple[int | None, int | None]:
    """First and last serial of "AAA-BBB"; of "AAA", that one; of an empty cell, none."""
    if not text:
        return None, None
    first, dash, last = (part.strip() for part in text.partition("-"))
    low = _serial(first)
    high = _serial(last) if dash else low
    if low is None or high is None:
        raise CatalogueError(line, "EPC_range", text, f"expected hexadecimal FIRST-LAST, found {found(text)}")
    if low > high:
        raise CatalogueError(line, "EPC_range", text, f"ends before it begins, found {found(text)}")
    return low, high


def _serial(text: str) -> int | None:
    # int(text, 16) alone would also take "0x1F", "-1F", "1_F" and blanks around.
    if not text or len(text) > _MAX_EPC_DIGITS or not _HEX_DIGITS.issuperset(text):
        return None
    return int(text, 16)
