"""docs/detectors.md is what the detectors say of themselves."""

from pathlib import Path

from guardian.cli.detectors import catalogue_markdown

PAGE = Path(__file__).parents[3] / "docs" / "detectors.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == catalogue_markdown(), (
        "run: guardian detectors --markdown > docs/detectors.md"
    )
