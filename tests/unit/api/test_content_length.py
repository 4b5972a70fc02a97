"""A body shorter than its Content-Length is refused, even if it could be parsed."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import ClientDisconnected

from api.server.content_length import CountedBody
from tests.support.archives import tar_of
from tests.support.inline import Inline
from tests.support.pictures import picture


def body(announced: int) -> CountedBody:
    return CountedBody(io.BytesIO(b"abcdef"), announced)


def test_a_whole_body_is_read_as_it_is() -> None:
    assert body(6).read() == b"abcdef"
    stream = body(6)
    assert [stream.read(4), stream.read(4), stream.read(4)] == [b"abcd", b"ef", b""]


def test_one_that_broke_off_is_told_at_its_end() -> None:
    with pytest.raises(ClientDisconnected):
        body(7).read()
    stream = body(7)
    assert [stream.read(0), stream.read(6), stream.read(0)] == [b"", b"abcdef", b""]
    with pytest.raises(ClientDisconnected):
        stream.read(4)


@pytest.mark.parametrize("terminated", [True, False])
@pytest.mark.parametrize(
    ("place", "kind", "data"),
    [
        ("/v1/images", "image/png", picture()),
        ("/v1/images", "application/x-tar", tar_of([("a.png", picture())])),
        ("/v1/images/check", "application/json", b'{"ids": []}'),
        ("/v1/searches", "application/json", b'{"text": "red"}'),
    ],
    ids=["picture", "archive", "check", "search"],
)
def test_nothing_is_made_of_it(
    client: FlaskClient, inline: Inline, place: str, kind: str, data: bytes, terminated: bool
) -> None:
    def send(missing: int) -> Any:
        return client.post(
            place,
            input_stream=io.BytesIO(data),
            content_type=kind,
            environ_overrides={
                "CONTENT_LENGTH": str(len(data) + missing),
                # gunicorn sets this to True for every body.
                "wsgi.input_terminated": terminated,
            },
        )

    response = send(missing=1)
    assert (response.status_code, response.get_json()["code"]) == (400, "invalid_request")
    assert client.get("/v1/jobs").get_json()["jobs"] == []
    assert inline.store.count() == 0
    assert send(missing=0).status_code in (200, 202)
