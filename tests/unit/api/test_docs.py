"""The page that shows the OpenAPI document: served locally, under a strict content policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hatchling.builders.wheel import WheelBuilder

from api.pages.assets import load_docs

NAMES = sorted(load_docs().assets)


def test_the_page_is_html_under_a_strict_policy(client: FlaskClient) -> None:
    response = client.get("/docs")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    policy = dict(
        part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_every_file_that_the_page_names_is_there(client: FlaskClient) -> None:
    places = re.findall(r'(?:href|src)="(/[^"]+)"', client.get("/docs").text)
    assert len(places) == len(NAMES)
    for place in places:
        response = client.get(place)
        assert response.status_code == 200, place
        assert "immutable" in response.headers["Cache-Control"]


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    html = load_docs().html.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?:", html)
    assert "https:" not in load_docs().assets["docs.js"].decode()


@pytest.mark.parametrize("name", ["docs.html", "index.html", "..%2fapp.py", "swagger-ui.js"])
def test_nothing_else_is_sent(client: FlaskClient, name: str) -> None:
    response = client.get(f"/docs/x/{name}")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_it_is_sent_once(client: FlaskClient) -> None:
    response = client.get("/docs")
    again = client.get("/docs", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_wheel_has_the_files_of_the_page() -> None:
    root = Path(__file__).parent.parent.parent.parent
    built = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    assert {"api/docs/docs.html", "api/docs/docs.js", "api/docs/docs.css"} <= built
