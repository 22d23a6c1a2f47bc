"""A code is one URL with one spelling: whatever is changed about it, it is not genuine any more."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, strategies as st

from guardian.qr.code import ProductCode
from guardian.qr.link import LinkError
from guardian.qr.sign import sign
from guardian.qr.verify import Outcome, claimed_serial
from tests.unit.qr.codes import CODE, FOREIGN, GTIN, KEY, code, codes, serials, verifier, with_check_digit

PLAIN = sign(CODE, KEY)
DIGITAL_LINK = sign(code(gtin=GTIN, product_id="P/ü 1"), KEY)
GENUINE = [PLAIN, DIGITAL_LINK]

characters = st.characters() | st.sampled_from("https:/p?&=%#.-_~0129ABFabf ")


def test_how_a_code_is_written() -> None:
    assert PLAIN.rpartition("=")[0] == (
        "https://id.example.com/p/P-1/21/ABCDEFGH23456722"
        f"?loc=WH1%2FA-12&iat=1718000000000&iss=E7&kid={KEY.key_id}&sig"
    )
    assert DIGITAL_LINK.rpartition("=")[0] == (
        "https://id.example.com/01/07032069804988/21/ABCDEFGH23456722"
        f"?pid=P%2F%C3%BC%201&loc=WH1%2FA-12&iat=1718000000000&iss=E7&kid={KEY.key_id}&sig"
    )


@given(codes)
@example(code(gtin=with_check_digit("0201234567890")))  # a number that a shop gave itself
@example(code(product_id="21", serial="21"))
def test_what_was_signed_is_read_back(wanted: ProductCode) -> None:
    text = sign(wanted, KEY)
    verdict = verifier().check(text)
    assert verdict.outcome is Outcome.VALID
    assert verdict.code == msgspec.structs.replace(wanted, key_id=KEY.key_id)
    assert claimed_serial(text) == wanted.serial


@given(codes)
def test_the_same_code_is_always_written_alike(wanted: ProductCode) -> None:
    assert sign(wanted, KEY) == sign(wanted, KEY)


@given(codes)
def test_keys_of_somebody_else_do_not_verify(wanted: ProductCode) -> None:
    text = sign(wanted, FOREIGN)
    assert verifier().check(text).outcome is Outcome.UNKNOWN_KEY
    renamed = text.replace(f"&kid={FOREIGN.key_id}&", f"&kid={KEY.key_id}&")
    assert renamed != text
    assert verifier().check(renamed).outcome is Outcome.BAD_SIGNATURE


@given(st.sampled_from(GENUINE), st.data())
def test_one_changed_character_is_noticed(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(characters.filter(lambda character: character != text[at]))
    verdict = verifier().check(text[:at] + other + text[at + 1 :])
    assert not verdict.genuine, verdict


@given(st.sampled_from(GENUINE), st.data())
def test_one_inserted_character_is_noticed(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    verdict = verifier().check(text[:at] + data.draw(characters) + text[at:])
    assert not verdict.genuine, verdict


@pytest.mark.parametrize("text", GENUINE)
def test_one_deleted_character_is_noticed(text: str) -> None:
    check = verifier().check
    for at in range(len(text)):
        shorter = text[:at] + text[at + 1 :]
        assert not check(shorter).genuine, shorter


@pytest.mark.parametrize("text", GENUINE)
def test_every_letter_in_the_other_case_is_noticed(text: str) -> None:
    check = verifier().check
    for at, letter in enumerate(text):
        if letter.swapcase() != letter:
            assert not check(text[:at] + letter.swapcase() + text[at + 1 :]).genuine


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace("%2F", "%2f"), "lower-case escape"),
        (lambda text: text.replace("%2F", "/"), "no escape"),
        (lambda text: text.replace("iss=E7", "iss=%457"), "an escape that is not needed"),
        (
            lambda text: text.replace("loc=WH1%2FA-12&iat=1718000000000", "iat=1718000000000&loc=WH1%2FA-12"),
            "order",
        ),
        (lambda text: text.replace("&iss=", "&iss=E7&iss="), "twice"),
        (lambda text: text.replace("&sig=", "&x=1&sig="), "a field more"),
        (lambda text: text + "&x=1", "a field more after the signature"),
        (lambda text: text + "#x", "a fragment"),
        (lambda text: text + "=", "padding"),
        (lambda text: text.replace("iat=1", "iat=01"), "a leading zero"),
        (lambda text: text.replace("id.example.com", "ID.example.com"), "the host's case"),
        (lambda text: text.replace("id.example.com", "id.example.com:443"), "the port"),
        (lambda text: text.replace("id.example.com", "other.example.com"), "another host"),
        (lambda text: text.replace("https:", "http:"), "another scheme"),
        (lambda text: text.replace("iat=1718000000000", "iat=١٧١٨٠٠٠٠٠٠٠٠٠"), "other digits"),
        (lambda text: " " + text, "a blank before"),
        (lambda text: text + "\n", "a line's end"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("text", GENUINE)
def test_no_other_spelling_is_genuine(text: str, change, why: str) -> None:  # type: ignore[no-untyped-def]
    changed = change(text)
    assert changed != text
    assert not verifier().check(changed).genuine, why


def test_the_last_bits_of_a_signature_have_one_spelling() -> None:
    # 86 characters hold four bits more than 64 bytes; base64 readers ignore them.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    genuine = [last for last in alphabet if verifier().check(PLAIN[:-1] + last).genuine]
    assert genuine == [PLAIN[-1]]


@given(codes)
def test_nothing_unsigned_is_genuine(wanted: ProductCode) -> None:
    unsigned = sign(wanted, KEY).rpartition("&sig=")[0]
    verdict = verifier().check(unsigned)
    assert verdict.outcome is Outcome.UNSIGNED
    assert verdict.code is not None
    assert verdict.code.serial == wanted.serial
    assert not verifier().check(unsigned + "&sig=").genuine


def test_a_bare_link_is_an_unsigned_code() -> None:
    verdict = verifier().check(f"https://id.example.com/01/{GTIN}/21/ABC")
    assert (verdict.outcome, verdict.code) == (Outcome.UNSIGNED, None)


def test_an_altered_field_is_told() -> None:
    verdict = verifier().check(PLAIN.replace("A-12", "B-12"))
    assert verdict.outcome is Outcome.BAD_SIGNATURE
    assert verdict.code is not None
    assert verdict.code.location == "WH1/B-12"


def test_a_signature_is_of_no_other_code() -> None:
    signature = PLAIN.rpartition("&sig=")[2]
    other = sign(code(serial="ANOTHER"), KEY).rpartition("&sig=")[0]
    assert verifier().check(f"{other}&sig={signature}").outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": ""},
        {"serial": "A" * 21},
        {"serial": "A/B"},
        {"serial": ".."},
        {"product_id": ""},
        {"product_id": ".."},
        {"product_id": "a\nb"},
        {"product_id": "\ud800"},
        {"location": "x" * 257},
        {"location": "ü" * 256, "issuer": "ü" * 256},
        {"issuer": ""},
        {"issued_at": -1},
        {"gtin": "7032069804988"},
        {"gtin": "07032069804989"},
        {"gtin": "0703206980498٨"},
    ],
    ids=str,
)
def test_what_a_code_cannot_carry_is_not_signed(changes: dict[str, object]) -> None:
    with pytest.raises(LinkError):
        sign(code(**changes), KEY)


@pytest.mark.parametrize("host", ["", "EXAMPLE.com", "a/b", "a?b", "[::1]", "a b", "-a", "ü.de", "a" * 254])
def test_a_host_must_be_one(host: str) -> None:
    with pytest.raises(LinkError):
        sign(CODE, KEY, host)


@given(st.text())
@example("https://[/01/07032069804988/21/A?x")
@example("https://[::1]/01/07032069804988/21/A?sig=x")
@example("https://x/p/%FF/21/A?loc=%ZZ&sig=é")
@example("https://x/01/07032069804988/21/A?kid=\ud800&sig=")
@example("https://x/p/" + "ü" * 500 + "/21/A?loc=L&iat=1&iss=E&kid=" + KEY.key_id + "&sig=" + "A" * 86)
@example("{" + "[" * 2_000)
@example('{"version":' + "9" * 2_000 + "}")
def test_no_text_is_too_strange_to_judge(text: str) -> None:
    verdict = verifier().check(text)
    assert not verdict.genuine
    claimed_serial(text)


@given(
    st.text(st.sampled_from('/?#&=%[]@:p01A{}"21 '), max_size=80),
    st.sampled_from(["https://", "https://x/p/a/21/", "{"]),
)
def test_no_text_that_resembles_a_code_is_too_strange(rest: str, start: str) -> None:
    verdict = verifier().check(start + rest)
    assert not verdict.genuine
    if verdict.code is not None:
        assert claimed_serial(start + rest) == verdict.code.serial


@given(serials)
def test_a_claim_needs_the_shape_of_a_code(serial: str) -> None:
    assert claimed_serial(f"https://x/p/P/21/{serial}") == serial
    assert claimed_serial(f"https://x/p/P/21/{serial}?x") == serial
    assert claimed_serial(f"https://x/p/P/21/{serial}/x") is None
    assert claimed_serial(f"https://x/q/P/21/{serial}") is None
    assert claimed_serial(serial) is None
