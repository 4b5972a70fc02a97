"""Refused uploads leave no bytes in the blob store."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.blobs.folder import FolderBlobs
from tests.support.inline import Inline, replace_parts
from tests.support.pictures import picture


@pytest.mark.parametrize(
    "field",
    [
        {"metadata": (io.BytesIO(b"\xff"), "blob", "application/json")},
        {"metadata": (io.BytesIO(b"{"), "blob", "application/json")},
        {"metadata": "{"},
        {"metadata": ["{}", "{}"]},
        {"other": "x"},
    ],
    ids=["not utf-8", "json part", "field", "twice", "unknown"],
)
def test_pictures_of_a_form_that_is_refused_are_gone(
    client: FlaskClient, inline: Inline, tmp_path: Path, field: dict[str, Any]
) -> None:
    blobs = FolderBlobs(tmp_path)
    replace_parts(inline, blobs=blobs)
    file = (io.BytesIO(picture()), "a.png")
    response = client.post("/v1/images", data={"file": file, **field})
    assert (response.status_code, response.get_json()["code"]) == (400, "invalid_request")
    assert list(blobs.incoming.folder().iterdir()) == []
    assert list(blobs.stored()) == []


def part(disposition: bytes, colour: str) -> bytes:
    head = b'--B\r\nContent-Disposition: form-data; name="file"; ' + disposition
    return head + b"\r\nContent-Type: image/png\r\n\r\n" + picture(colour) + b"\r\n"


@pytest.mark.parametrize("head", [b"", b"\r\nContent-Type: application/json"])
def test_a_field_in_another_encoding_is_refused(
    client: FlaskClient, inline: Inline, head: bytes
) -> None:
    field = b'--B\r\nContent-Disposition: form-data; name="metadata"' + head
    body = part(b'filename="a.png"', "red") + field + b'\r\n\r\n{"album": "Caf\xe9"}\r\n--B--\r\n'
    response = client.post("/v1/images", data=body, content_type="multipart/form-data; boundary=B")
    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (400, "invalid_request")
    assert problem["detail"] == "The part metadata is not UTF-8: see byte 14."
    assert problem["errors"][0]["field"] == "metadata"
    assert inline.store.count() == 0


def test_names_in_other_encodings_refuse_no_picture(client: FlaskClient) -> None:
    names = [
        (b'filename="caf\xe9.jpg"', "café.jpg"),
        (b'filename="dog.png"', "dog.png"),
        ('filename="犬.png"'.encode(), "犬.png"),
        (b"filename*=UTF-8''%e7%8a%ac.png", "犬.png"),
        (b"filename*=iso-8859-1'en'%A3.png", "£.png"),
        ('filename="10 €.png"'.encode("cp1252"), "10 €.png"),
        # Not in Windows-1252, either.
        (b'filename="\x81\x8d.png"', ".png"),
    ]
    parts = [part(given, f"rgb({number},0,9)") for number, (given, _) in enumerate(names)]
    body = b"".join(parts) + b"--B--\r\n"
    job = client.post("/v1/images", data=body, content_type="multipart/form-data; boundary=B")
    assert job.status_code == 202
    items = client.get(job.get_json()["links"]["items"]).get_json()["items"]
    assert [(item["filename"], item["state"]) for item in items] == [
        (name, "indexed") for _, name in names
    ]


@pytest.mark.parametrize(
    "body", [b"", b"--B", b"--B\r\n\r\nx\r\n--B--\r\n", part(b'filename="a.png"', "red")[:-40]]
)
def test_a_body_that_is_malformed_or_cut_off_is_refused(client: FlaskClient, body: bytes) -> None:
    for content_type in ("multipart/form-data; boundary=B", "multipart/form-data"):
        response = client.post("/v1/images", data=body, content_type=content_type)
        assert (response.status_code, response.get_json()["code"]) == (400, "invalid_request")
