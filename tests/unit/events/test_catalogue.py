"""The catalogue: files as shops export them, and EPC lookup against looking at every range."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guardian.events.catalogue import Catalogue, CatalogueError, Product

HEADER = "SKU,product_name,quantity,EPC_range,barcode,weight,price"
LONG = "E2801160600000000000"


def test_a_full_row() -> None:
    row = f'TEA,"Tea, black (100 g)",90,{LONG}0001A-{LONG}000FF,4006381333931,100,4.50'
    catalogue = Catalogue.from_csv_text(f"{HEADER}\n{row}\n")
    assert catalogue.problems == []
    assert len(catalogue) == 1
    assert "TEA" in catalogue
    assert list(catalogue) == [catalogue.get("TEA")]
    assert catalogue.get("TEA") == Product(
        sku="TEA",
        name="Tea, black (100 g)",
        weight_g=100.0,
        price=4.5,
        barcode="4006381333931",
        quantity=90,
        epc_first=int(f"{LONG}0001A", 16),
        epc_last=int(f"{LONG}000FF", 16),
    )
    assert catalogue.get("MILK") is None
    assert catalogue.sku_of_epc(f"{LONG}000ff") == "TEA"
    assert catalogue.sku_of_epc(f"{LONG}00100") is None
    assert catalogue.sku_of_epc(f"{LONG}00019") is None


@pytest.mark.parametrize("start", ["", "\n", "\n \n,,,,,,\n", "\ufeff", "\ufeff\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_marks_and_line_ends_do_not_matter(start: str, end: str) -> None:
    text = start + end.join([HEADER, "TEA,Tea,1,A-B,1,100,4", "", "MILK,Milk,1,C-D,2,1000,1"])
    catalogue = Catalogue.from_csv_text(text)
    assert [product.sku for product in catalogue] == ["TEA", "MILK"]
    assert catalogue.problems == []


def test_columns_in_any_order_and_case_and_only_the_sku_is_required() -> None:
    catalogue = Catalogue.from_csv_text("Price, sku ,colour\n 4.5 , TEA ,green\n,MILK\n")
    assert catalogue.get("TEA") == Product(sku="TEA", price=4.5)
    assert catalogue.get("MILK") == Product(sku="MILK")


def test_a_single_serial_is_a_range_of_one() -> None:
    catalogue = Catalogue.from_csv_text("SKU,EPC_range\nTEA,1F\n")
    assert (catalogue.sku_of_epc("1f"), catalogue.sku_of_epc("001F"), catalogue.sku_of_epc("20")) == (
        "TEA",
        "TEA",
        None,
    )


@pytest.mark.parametrize("text", ["", "\n\n", "name,price\nTea,4\n", "TEA,Tea,1\n"])
def test_a_file_without_a_sku_column_is_no_catalogue(text: str) -> None:
    with pytest.raises(CatalogueError, match="expected a header with SKU") as caught:
        Catalogue.from_csv_text(text)
    assert caught.value.column == "SKU"
    assert caught.value.line >= 1


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",Tea,1,A-B,1,100,4", "line 3, SKU: required, but empty"),
        (
            "OIL,Oil,1,A-B,1,heavy,4",
            'line 3, weight: expected a number from 0 to 1e+09, found string "heavy"',
        ),
        ("OIL,Oil,1,A-B,1,100,-4", 'line 3, price: expected a number from 0 to 1e+09, found string "-4"'),
        ("OIL,Oil,1,A-B,1,nan,4", 'line 3, weight: expected a number from 0 to 1e+09, found string "nan"'),
        ("OIL,Oil,1,A-B,1,1_0,4", 'line 3, weight: expected a number from 0 to 1e+09, found string "1_0"'),
        ('OIL,Oil,1,A-B,1,"1,5",4', 'line 3, weight: expected a number from 0 to 1e+09, found string "1,5"'),
        ("OIL,Oil,1.5,A-B,1,100,4", 'line 3, quantity: expected whole units, found string "1.5"'),
        ("OIL,Oil,1,A-G,1,100,4", 'line 3, EPC_range: expected hexadecimal FIRST-LAST, found string "A-G"'),
        ("OIL,Oil,1,A-,1,100,4", 'line 3, EPC_range: expected hexadecimal FIRST-LAST, found string "A-"'),
        ("OIL,Oil,1,B-A,1,100,4", 'line 3, EPC_range: ends before it begins, found string "B-A"'),
        ("TEA,Tea again,1,,1,100,4", 'line 3, SKU: string "TEA" occurs again, first row counts'),
        ("OIL,Oil,1,A-B,1,100,4,50", "line 3: 8 cells under 7 headers; is a comma in a name not quoted?"),
        ('OIL,"Oil"x,1,A-B,1,100,4', "line 3: not readable as CSV: "),
    ],
)
def test_a_bad_row_is_reported_and_the_others_go_on(row: str, problem: str) -> None:
    text = f"{HEADER}\nTEA,Tea,90,1-9,1,100,4\n{row}\nMILK,Milk,1,20-2F,2,1000,1\n"
    catalogue = Catalogue.from_csv_text(text)
    assert [product.sku for product in catalogue] == ["TEA", "MILK"]
    (found,) = catalogue.problems
    assert found.startswith(problem), found


def test_an_unfinished_quote_is_reported() -> None:
    catalogue = Catalogue.from_csv_text(f'{HEADER}\nTEA,Tea,1,1-9,1,100,4\nMILK,"Milk,1,A-B\n')
    assert [product.sku for product in catalogue] == ["TEA"]
    assert len(catalogue.problems) == 1


@pytest.mark.parametrize(
    "ranges", [("1-9", "9-F"), ("9-F", "1-9"), ("1-F", "3-4"), ("3-4", "1-F"), ("1-2", "1-2")]
)
def test_of_overlapping_ranges_the_first_row_counts(ranges: tuple[str, str]) -> None:
    first, second = ranges
    catalogue = Catalogue.from_csv_text(f"SKU,EPC_range\nTEA,{first}\nMILK,{second}\nOIL,20-2F\n")
    assert catalogue.problems == ["EPC range of MILK overlaps that of TEA, which counts"]
    assert {catalogue.sku_of_epc(f"{serial:X}") for serial in range(0x40)} == {"TEA", "OIL", None}
    assert catalogue.get("MILK") is not None


@pytest.mark.parametrize("epc", ["", "0x1", "-1", "1_1", " 1", "1 ", "G", "١", "1" * 65])
def test_what_is_no_serial_belongs_to_nobody(epc: str) -> None:
    assert Catalogue.from_csv_text("SKU,EPC_range\nTEA,0-FFFF\n").sku_of_epc(epc) is None


def test_an_empty_catalogue_knows_nothing() -> None:
    catalogue = Catalogue.empty()
    assert (len(catalogue), catalogue.problems) == (0, [])
    assert catalogue.get("TEA") is None
    assert catalogue.sku_of_epc("1") is None


def test_a_product_given_twice_is_reported() -> None:
    catalogue = Catalogue([Product("TEA", price=1), Product("TEA", price=2)])
    assert catalogue.problems == ["SKU TEA occurs again; its first row counts"]
    tea = catalogue.get("TEA")
    assert tea is not None
    assert tea.price == 1


serials = st.integers(0, 200)


@given(st.lists(st.tuples(serials, serials).map(sorted), max_size=12), st.integers(1, 25))
def test_lookup_agrees_with_looking_at_every_range(ranges: list[list[int]], digits: int) -> None:
    rows = [f"P{n},{first:0{digits}X}-{last:0{digits}x}" for n, (first, last) in enumerate(ranges)]
    catalogue = Catalogue.from_csv_text("\n".join(["SKU,EPC_range", *rows]))
    kept: list[tuple[int, int, str]] = []
    for n, (first, last) in enumerate(ranges):
        if all(last < other or first > end for other, end, _ in kept):
            kept.append((first, last, f"P{n}"))
    assert len(catalogue.problems) == len(ranges) - len(kept)
    for serial in range(202):
        owners = [sku for first, last, sku in kept if first <= serial <= last]
        assert catalogue.sku_of_epc(f"{serial:0{digits}X}") == (owners[0] if owners else None)


@given(st.text(alphabet='SKUsku,"\n\r\x00-ABC019. \ufeff') | st.text())
def test_any_text_is_a_catalogue_or_an_error(text: str) -> None:
    for given_text in (text, f"{HEADER}\n{text}"):
        try:
            line, skus = 1, [product.sku for product in Catalogue.from_csv_text(given_text)]
        except CatalogueError as error:
            line, skus = error.line, []
        assert line >= 1
        assert all(sku == sku.strip() != "" for sku in skus)
