"""A compressed body is refused, whatever it is; one that is sent as it is may say so."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

from tests.support.archives import tar_of
from tests.support.pictures import picture

PICTURE = picture()
TAR = tar_of([("a.png", PICTURE)])


@pytest.mark.parametrize(
    ("place", "kind", "data"),
    [
        ("/v1/images", "image/png", PICTURE),
        ("/v1/images/check", "application/json", b'{"ids": []}'),
        ("/v1/searches", "application/json", b'{"text": "red"}'),
    ],
    ids=["picture", "check", "search"],
)
def test_a_compressed_body_is_refused(
    client: FlaskClient, place: str, kind: str, data: bytes
) -> None:
    def send(coding: str) -> int:
        headers = {"Content-Encoding": coding}
        body = gzip.compress(data) if coding == "gzip" else data
        return client.post(place, data=body, content_type=kind, headers=headers).status_code

    assert send("gzip") == send("br") == send("identity, gzip") == 415
    assert send("identity") in (200, 202)
    assert send("") in (200, 202)


def test_an_archive_may_say_that_it_is_gzip(client: FlaskClient) -> None:
    def send(coding: str, data: bytes) -> int:
        headers = {"Content-Encoding": coding}
        answer = client.post(
            "/v1/images", data=data, content_type="application/x-tar", headers=headers
        )
        return answer.status_code

    # As `mimetypes.guess_type` describes a .tar.gz.
    assert send("gzip", gzip.compress(TAR)) == 202
    assert send("br", TAR) == 415


def test_the_refusal_says_what_to_do(client: FlaskClient) -> None:
    headers = {"Content-Encoding": "gzip"}
    problem = client.post("/v1/searches", data=gzip.compress(b"{}"), headers=headers).get_json()
    assert problem["code"] == "unsupported_media_type"
    assert problem["detail"] == "Send the body as it is, without Content-Encoding."
    assert client.get("/v1/images", headers=headers).status_code == 200


def test_a_compressed_part_of_a_form_is_refused(client: FlaskClient) -> None:
    body = b"\r\n".join(
        [
            b"--B",
            b'Content-Disposition: form-data; name="file"; filename="a.png"',
            b"Content-Encoding: gzip",
            b"",
            gzip.compress(PICTURE),
            b"--B--",
            b"",
        ]
    )
    answer = client.post("/v1/images", data=body, content_type="multipart/form-data; boundary=B")
    assert answer.status_code == 415
