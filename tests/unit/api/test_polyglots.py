"""Files that are valid in two formats, and files that only claim to be pictures."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support.pictures import encoded, image_id, jpeg, picture

PAGE = b"<!doctype html><html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def png_with_text() -> bytes:
    """Return a PNG with an HTML page in a text chunk."""
    text = PngInfo()
    text.add_text("Comment", PAGE.decode())
    return encoded(Image.new("RGB", (3, 3), "red"), "PNG", pnginfo=text)


# Pictures by their first bytes, but other formats to a parser that reads on.
POLYGLOTS = {
    "png+page": (picture() + PAGE, "image/png"),
    "png+text": (png_with_text(), "image/png"),
    "jpeg+page": (jpeg() + PAGE, "image/jpeg"),
    "jpeg+comment": (encoded(Image.new("RGB", (3, 3)), "JPEG", comment=PAGE), "image/jpeg"),
    "gif+page": (picture(media_format="GIF") + PAGE, "image/gif"),
    "png+zip": (picture() + b"PK\x03\x04" + b"\0" * 30, "image/png"),
}
# Files in formats that Glimpse does not open, whatever type the sender declares.
PRETENDERS = {
    "page": PAGE,
    "svg": SVG,
    "svg-with-prolog": b'<?xml version="1.0"?>\n' + SVG,
    "script": b"#!/bin/sh\nexit 1\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "pdf": b"%PDF-1.7\n1 0 obj << >> endobj\n",
}


def upload(client: FlaskClient, data: bytes, filename: str, media_type: str) -> dict[str, Any]:
    part = (io.BytesIO(data), filename, media_type)
    job = client.post("/v1/images", data={"file": part}).get_json()
    found: dict[str, Any] = client.get(f"{job['links']['self']}/items").get_json()["items"][0]
    return found


@pytest.mark.parametrize("name", POLYGLOTS)
@pytest.mark.parametrize("place", ["content", "thumbnail"])
def test_a_polyglot_is_a_picture_and_nothing_else(
    client: FlaskClient, name: str, place: str
) -> None:
    data, media_type = POLYGLOTS[name]
    assert upload(client, data, "page.html", "text/html")["state"] == "indexed"
    response = client.get(f"/v1/images/{image_id(data)}/{place}")
    assert response.mimetype == (media_type if place == "content" else "image/jpeg")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    # A browser that opens it directly runs no scripts, grants no origin and loads nothing.
    assert (
        response.headers["Content-Security-Policy"]
        == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )


@pytest.mark.parametrize("name", POLYGLOTS)
def test_a_thumbnail_carries_nothing_of_it_on(client: FlaskClient, name: str) -> None:
    data, _ = POLYGLOTS[name]
    upload(client, data, "a.png", "image/png")
    assert b"script" not in client.get(f"/v1/images/{image_id(data)}/thumbnail").data


@pytest.mark.parametrize("name", PRETENDERS)
@pytest.mark.parametrize("media_type", ["image/png", "image/svg+xml", "text/html"])
def test_what_only_says_that_it_is_a_picture_is_not_kept(
    client: FlaskClient, name: str, media_type: str
) -> None:
    data = PRETENDERS[name]
    item = upload(client, data, f"a.{name}", media_type)
    assert (item["state"], item["code"]) in {
        ("failed", "not_an_image"),
        ("failed", "unsupported_format"),
    }
    for place in ("", "/content", "/thumbnail"):
        assert client.get(f"/v1/images/{image_id(data)}{place}").status_code == 404
