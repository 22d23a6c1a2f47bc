"""The dashboard's built files, as browsers get them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cloud_run.api.page_files import PageFiles
from cloud_run.api.problems import Problem
from guardian.runtime.dashboard_pages import dashboard_pages
from guardian.runtime.settings import SettingsError

SCRIPT = "export const n = 1; // " + "the same again and again; " * 200
INDEX = "<!doctype html><title>Now</title>" + "<p>something</p>" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(INDEX)
    (built / "assets" / "index-AbC1.js").write_text(SCRIPT)
    (built / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not a page")
    return built


@pytest.fixture
def browser(folder: Path) -> FlaskClient:
    app = Flask("pages", static_folder=None)
    pages = PageFiles(folder)
    app.add_url_rule("/<path:path>", view_func=pages.answer)
    app.add_url_rule("/", view_func=lambda: pages.answer("index.html"))
    app.register_error_handler(Problem, lambda problem: problem.response())
    return app.test_client()


def test_what_has_a_digest_in_its_name_is_kept_for_ever_and_the_page_is_asked_for(
    browser: FlaskClient,
) -> None:
    script = browser.get("/assets/index-AbC1.js")
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (script.text, script.content_type) == (SCRIPT, "text/javascript; charset=utf-8")
    for path in ("/", "/index.html", "/alerts/al_1", "/favicon.svg"):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert browser.get("/alerts/al_1").text == INDEX


def test_a_script_of_another_version_is_not_there(browser: FlaskClient) -> None:
    """Else the page would be kept for ever under the script's name."""
    answer = browser.get("/assets/index-Old0.js")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert "immutable" not in answer.headers.get("Cache-Control", "")


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/assets/../../secret.txt", "//etc/passwd", "/%2e%2e/secret.txt"]
)
def test_nothing_outside_the_folder_is_served(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    assert "not a page" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("*;q=0.5, gzip;q=0", False),
        ("identity", False),
    ],
)
def test_it_is_compressed_for_those_who_can_read_that(
    browser: FlaskClient, accepted: str, packed: bool
) -> None:
    answer = browser.get("/assets/index-AbC1.js", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert (gzip.decompress(answer.data) if packed else answer.data).decode() == SCRIPT
    assert not packed or len(answer.data) < len(SCRIPT) // 10


def test_what_a_browser_has_is_not_sent_again(browser: FlaskClient, folder: Path) -> None:
    gzipped = {"Accept-Encoding": "gzip"}
    plain, packed = browser.get("/"), browser.get("/", headers=gzipped)
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for headers, etag in (({}, plain.headers["ETag"]), (gzipped, packed.headers["ETag"])):
        again = browser.get("/", headers={**headers, "If-None-Match": etag})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Vary"] == "Accept-Encoding"
    (folder / "index.html").write_text(INDEX + "<p>new</p>")
    os.utime(folder / "index.html", (1, 1))
    newer = browser.get("/", headers={"If-None-Match": plain.headers["ETag"]})
    assert (newer.status_code, newer.text) == (200, INDEX + "<p>new</p>")


def test_what_is_small_is_sent_as_it_is(browser: FlaskClient) -> None:
    answer = browser.get("/favicon.svg", headers={"Accept-Encoding": "gzip"})
    assert (answer.text, answer.headers.get("Content-Encoding")) == ("<svg/>", None)
    assert answer.content_type == "image/svg+xml"


def test_where_the_pages_are(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert dashboard_pages({}, folder) == folder
    assert dashboard_pages({}, elsewhere) is None
    (elsewhere / "index.html").write_text("theirs")
    assert dashboard_pages({"GUARDIAN_DASHBOARD": str(elsewhere)}, folder) == elsewhere
    with pytest.raises(SettingsError, match="GUARDIAN_DASHBOARD: there are no built pages"):
        dashboard_pages({"GUARDIAN_DASHBOARD": str(tmp_path)}, folder)
