"""Unusual and broken pictures through the whole stack: each is indexed or fails alone."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx

from tests.support import pictures
from tests.support.pictures import picture
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack

ODD = {
    "one_pixel.png": pictures.one_pixel_png(),
    "cmyk.jpg": pictures.cmyk_jpeg(),
    "deep.png": pictures.sixteen_bit_png(),
    "palette.png": pictures.transparent_palette_png(),
    "animated.gif": pictures.animation("GIF"),
    "animated.webp": pictures.animation("WEBP"),
    "turned.jpg": pictures.turned("JPEG"),
}
BROKEN = {
    "truncated.jpg": (pictures.truncated_jpeg(), "truncated"),
    "note.jpg": (b"this is a text", "not_an_image"),
    "empty.png": (b"", "empty"),
    "bomb.png": (pictures.bomb_png(), "too_many_pixels"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format"),
}


def outcomes(client: httpx.Client, files: dict[str, bytes]) -> dict[str, tuple[str, str | None]]:
    """Upload files in one request; return state and code of each."""
    response = client.post("/v1/images", files=[("file", file) for file in files.items()])
    location = response.headers["Location"]
    finished_job(client, location)
    items = client.get(f"{location}/items").json()["items"]
    return {item["filename"]: (item["state"], item["code"]) for item in items}


def test_odd_pictures_are_indexed_and_broken_ones_fail_alone(tenant_client: httpx.Client) -> None:
    broken = {name: data for name, (data, _) in BROKEN.items()}
    found = outcomes(tenant_client, ODD | broken)
    assert found == {
        **dict.fromkeys(ODD, ("indexed", None)),
        **{name: ("failed", code) for name, (_, code) in BROKEN.items()},
    }


def test_the_worker_lives_and_indexes_the_next_picture(
    shared_stack: Stack, tenant_client: httpx.Client
) -> None:
    pid = shared_stack.ingest_worker.pid
    for name, (data, code) in BROKEN.items():
        found = outcomes(tenant_client, {name: data, "next.png": picture(f"#{len(name):06x}")})
        assert found[name] == ("failed", code)
        assert found["next.png"][0] in ("indexed", "duplicate")
    assert shared_stack.ingest_worker.running
    assert shared_stack.ingest_worker.pid == pid


def test_an_upload_that_breaks_off_leaves_nothing(shared_stack: Stack, api_key: str) -> None:
    blobs = Path(shared_stack.settings["GLIMPSE_BLOBS_DIR"])
    before = sorted(blobs.rglob("*/originals/*/*"))
    host, port = shared_stack.api.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    )
    with socket.create_connection((host, int(port))) as connection:
        # More than the API reads at a time, so that it starts to write.
        connection.sendall(head.encode() + picture() + bytes(300_000))
        wait_for(lambda: list((blobs / "incoming").glob("*/*")), 10, "the upload to begin")
    wait_for(lambda: not list((blobs / "incoming").glob("*/*")), 10, "the half upload to go")
    assert sorted(blobs.rglob("*/originals/*/*")) == before
