"""The page's files: their types, their caching, and a strict content policy."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path
from posixpath import dirname, normpath

import pytest
from flask.testing import FlaskClient
from hatchling.builders.wheel import WheelBuilder

from api.pages.assets import load_page
from common.images.filenames import PICTURE_SUFFIXES, SYSTEM_FOLDERS

# Response headers of the page.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
NAMES = sorted(load_page().assets)


def test_the_page_is_html_under_a_strict_policy(client: FlaskClient) -> None:
    response = client.get("/")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    policy = dict(
        part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert HEADERS.items() <= dict(response.headers).items()


def test_every_file_that_the_page_names_is_there(client: FlaskClient) -> None:
    places = re.findall(r'(?:href|src)="(/[^"]+)"', client.get("/").text)
    assert len(places) >= 4
    for place in places:
        assert client.get(place).status_code == 200, place


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_kept_for_good_under_its_version(client: FlaskClient, name: str) -> None:
    response = client.get(f"/assets/{load_page().version}/{name}")
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert response.mimetype == kinds[name.rsplit(".", 1)[1]]
    assert "immutable" in response.headers["Cache-Control"]
    assert HEADERS.items() <= dict(response.headers).items()
    again = client.get(response.request.path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_under_another_version_a_file_is_not_kept(client: FlaskClient) -> None:
    response = client.get(f"/assets/older/{NAMES[0]}")
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-cache")


def test_the_page_is_asked_for_each_time_and_sent_once(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.headers["Cache-Control"] == "no-cache"
    again = client.get("/", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["index.html", "none.js", "..%2fapp.py", "app.py"])
def test_nothing_else_is_sent(client: FlaskClient, name: str) -> None:
    response = client.get(f"/assets/x/{name}")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_no_file_names_another_host_or_makes_markup_of_text() -> None:
    page = load_page()
    for name, data in {"index.html": page.html, **page.assets}.items():
        text = data.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, name
        assert "https:" not in text, name
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "onclick="):
            assert forbidden not in text, name


def test_html_has_no_style_or_script_of_its_own() -> None:
    html = load_page().html.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_all_modules_are_loaded_at_once() -> None:
    page = load_page()
    linked = re.findall(
        r'<link rel="modulepreload" href="\{root\}/assets/[0-9a-f]+/([^"]+)">', page.html.decode()
    )
    assert linked == [name for name in page.assets if name.endswith(".js")]
    assert len(linked) > 50


def test_every_import_is_a_file() -> None:
    assets = load_page().assets
    for name, data in assets.items():
        for place in re.findall(r"from '([^']+)'", data.decode()):
            assert normpath(f"{dirname(name)}/{place}").lstrip("/") in assets, (name, place)


def test_no_room_imports_one_that_imports_it() -> None:
    rooms: dict[str, set[str]] = {}
    for name, data in load_page().assets.items():
        room = dirname(name)
        # `main.js` connects all rooms.
        for place in re.findall(r"from '\.\./([^/']+)/", data.decode()) if room else ():
            rooms.setdefault(room, set()).add(place)
    assert set(rooms) >= {"query", "results", "uploads"}
    TopologicalSorter(rooms).prepare()


def test_a_folder_is_searched_as_by_the_command() -> None:
    files = load_page().assets["uploads/files.js"].decode()
    names = {
        name: set(re.findall(r"'([^']+)'", content))
        for name, content in re.findall(
            r"^const (\w+) = new Set\(\[(.+?)\]\);$", files, re.M | re.S
        )
    }
    assert {f".{suffix}" for suffix in names["PICTURES"]} == PICTURE_SUFFIXES
    assert names["SYSTEM_FOLDERS"] == SYSTEM_FOLDERS


def test_the_wheel_has_every_file_of_the_page() -> None:
    root = Path(__file__).parent.parent.parent.parent
    files = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    assert {f"api/web/{name}" for name in ["index.html", *NAMES]} <= files
