"""Hostile file names, headers and URLs: kept as plain text, or refused."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.support.pictures import image_id, picture

NAMES = [
    "a\r\nX-Injected: yes.png",
    "a\nSet-Cookie: a=b.png",
    'a"; filename="b.html',
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows\\win.ini",
    "a\x00b.png",
    "gnp.\u202eexe",
    "\u2066\u200f\u061c.png",
    "\x1b[31mred.png",
    "<script>alert(1)</script>.png",
    "a" * 10_000,
    "ä" * 10_000,
    "\U0001f600.png",
    "{{7*7}}%s%n",
]


def upload(client: FlaskClient, name: str) -> str:
    """Upload a picture with a name in the query; return the name that Glimpse stores."""
    place = f"/v1/images?filename={quote(name)}"
    response = client.post(place, data=picture(), content_type="image/png")
    assert response.status_code == 202
    return str(client.get(f"/v1/images/{image_id(picture())}").get_json()["filename"])


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:24])
def test_a_name_is_kept_as_one_line_of_text(client: FlaskClient, name: str) -> None:
    kept = upload(client, name)
    assert len(kept) <= 1024
    assert kept.isprintable()
    assert kept in name.replace("\r", "").replace("\n", "") or set(kept) <= set(name)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:24])
def test_no_name_reaches_a_header(client: FlaskClient, name: str) -> None:
    upload(client, name)
    response = client.get(f"/v1/images/{image_id(picture())}/content")
    disposition = response.headers["Content-Disposition"]
    assert disposition == f"inline; filename={image_id(picture())[:12]}.png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Injected" not in response.headers
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:24])
def test_a_name_in_a_form_is_kept_too(client: FlaskClient, name: str) -> None:
    response = client.post("/v1/images", data={"file": (io.BytesIO(picture()), name)})
    assert response.status_code in (202, 400)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:24])
def test_a_name_can_be_drawn_and_filtered_by(client: FlaskClient, name: str) -> None:
    upload(client, name)
    asked: dict[str, Any] = {"text": "red", "filter": {"filename": {"prefix": "a"}}}
    assert client.post("/v1/searches", json=asked).status_code == 202
    found = client.post("/v1/searches", json={"text": "red"})
    sheet = client.get(f"{found.headers['Location']}/contact-sheet.png?captions=true")
    assert sheet.status_code == 200


@pytest.mark.parametrize("value", ["a\r\nb", "x" * 5000, "\x00", "\u202e", "\ud800", "%", "%ff"])
@pytest.mark.parametrize(
    "place",
    ["/v1/images?tag={}", "/v1/images?cursor={}", "/v1/jobs?state={}", "/v1/dead-letters?cursor={}",
     "/v1/images?{}=1", "/v1/images/{}", "/v1/jobs/{}/items", "/assets/{}/{}", "/docs/x/{}"],
)  # fmt: skip
def test_an_address_is_answered_or_refused(client: FlaskClient, place: str, value: str) -> None:
    quoted = quote(value.encode("utf-8", "surrogatepass"))
    for text in (quoted, value if value.startswith("%") else quoted):
        assert client.get(place.format(text, text)).status_code in (200, 400, 404, 422)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Prefer", "wait=" + "9" * 400),
        ("Prefer", "wait=nan"),
        ("Prefer", "wait=-1"),
        ("Prefer", 'wait="'),
        ("Prefer", ";;;,=,wait"),
        ("If-None-Match", '"' * 1000),
        ("Accept", "text/html;q=x, */*;q=2"),
        ("Content-Type", "application/json; charset=nonsense"),
        ("Content-Type", "application/json, text/html"),
        ("Content-Type", "multipart/form-data"),
        ("Content-Type", "multipart/form-data; boundary="),
        ("Content-Type", "multipart/form-data; boundary=" + "a" * 5000),
        ("Content-Type", "image/"),
        ("Content-Type", "\xff"),
        ("X-Request-ID", "a" * 5000),
        ("Host", "a b"),
        ("Host", "example.org/path"),
    ],
)
def test_a_header_is_answered_or_refused(client: FlaskClient, name: str, value: str) -> None:
    statuses = {
        client.post(place, data=b'{"text": "a"}', headers={name: value}).status_code
        for place in ("/v1/searches", "/v1/images", "/v1/images/check")
    }
    statuses |= {
        client.get(place, headers={name: value}).status_code for place in ("/", "/metrics")
    }
    assert statuses <= {200, 202, 304, 400, 403, 415, 422}
