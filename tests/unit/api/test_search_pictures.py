"""``POST /v1/searches`` with a picture: the other parts of the form, and invalid pictures."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.blobs.memory import MemoryBlobs
from common.errors import NotFound
from tests.support.inline import Inline, replace_parts
from tests.support.pictures import bomb_png, image_id, jpeg, picture, truncated_jpeg

WAIT = {"Prefer": "wait=5"}

pytestmark = pytest.mark.usefixtures("indexed_colours")


def send(client: FlaskClient, data: bytes, search: Any = None, **parts: Any) -> TestResponse:
    form: dict[str, Any] = {"file": (io.BytesIO(data), "query.png")} | parts
    if search is not None:
        form["search"] = json.dumps(search)
    return client.post("/v1/searches", data=form, headers=WAIT)


def names(response: TestResponse) -> list[str]:
    return [hit["filename"] for hit in response.get_json()["hits"]]


def test_a_picture_alone_is_a_query(client: FlaskClient) -> None:
    response = send(client, picture("blue", (90, 70), "JPEG"))
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait"
    assert names(response)[0] == "blue.png"


def test_the_same_picture_scores_one(client: FlaskClient) -> None:
    hit = send(client, picture("green")).get_json()["hits"][0]
    assert hit["id"] == image_id(picture("green"))
    assert hit["score"] == pytest.approx(1, abs=1e-5)


def test_a_search_by_picture_is_found_later(client: FlaskClient) -> None:
    form = {"file": (io.BytesIO(picture("red")), "x.png")}
    response = client.post("/v1/searches", data=form)
    assert response.status_code == 202
    found = client.get(response.headers["Location"]).get_json()
    assert found["hits"][0]["filename"] == "red.png"


def test_what_else_is_asked_comes_as_json(client: FlaskClient) -> None:
    search = {"top_k": 2, "offset": 1, "filter": {"filename": {"in": ["red.png", "blue.png"]}}}
    assert names(send(client, picture("blue"), search)) == ["red.png"]


def test_the_search_may_come_as_browsers_send_a_blob(client: FlaskClient) -> None:
    search = json.dumps({"top_k": 2, "text": "red"}).encode()
    part = (io.BytesIO(search), "blob", "application/json")
    form = {"file": (io.BytesIO(picture("blue")), "query.png"), "search": part}
    found = names(client.post("/v1/searches", data=form, headers=WAIT))
    assert set(found) == {"red.png", "blue.png"}


@pytest.mark.parametrize(
    ("data", "status"), [(b"{", 400), (b"\xff", 400), (b'"' + bytes(600_000), 413)]
)
def test_a_blob_that_is_no_search_is_refused(client: FlaskClient, data: bytes, status: int) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="search"; filename="blob"\r\n'
    body = head + b"Content-Type: application/json\r\n\r\n" + data + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    assert client.post("/v1/searches", data=body, content_type=kind).status_code == status


def test_a_text_and_a_picture_add_up(client: FlaskClient) -> None:
    found = names(send(client, picture("blue"), {"text": "red", "top_k": 2}))
    assert set(found) == {"red.png", "blue.png"}


def test_a_term_of_the_query_gives_the_picture_its_weight(client: FlaskClient) -> None:
    away = {"query": [{"picture": True, "weight": -1}]}
    assert names(send(client, picture("blue"), away))[-1] == "blue.png"
    both = {"query": [{"text": "red"}, {"picture": True, "weight": 0.9}], "top_k": 2}
    assert names(send(client, picture("blue"), both)) == ["red.png", "blue.png"]


def test_a_query_without_such_a_term_has_it_added(client: FlaskClient) -> None:
    search = {"query": [{"text": "red", "weight": 0.1}], "top_k": 1}
    assert names(send(client, picture("blue"), search)) == ["blue.png"]


def test_a_picture_that_cancels_an_image_is_a_failed_search(client: FlaskClient) -> None:
    search = {"query": [{"image_id": image_id(picture("red")), "weight": -1}]}
    found = send(client, picture("red"), search).get_json()
    assert (found["state"], found["error"]["code"]) == ("failed", "unprocessable")


@pytest.mark.parametrize(
    ("data", "code"),
    [(truncated_jpeg(), "truncated"), (bomb_png(), "too_many_pixels")],
    ids=["truncated", "bomb"],
)
def test_a_picture_that_cannot_be_decoded_fails_its_search(
    client: FlaskClient, data: bytes, code: str
) -> None:
    response = send(client, data)
    assert response.status_code == 200
    found = response.get_json()
    assert (found["state"], found["error"]["code"]) == ("failed", code)
    later = client.get(response.headers["Location"]).get_json()
    assert later["error"] == found["error"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"no picture at all", "not_an_image"),
        (picture() + bytes(200_000), "too_large"),
    ],
    ids=["empty", "text", "large"],
)
def test_what_is_no_picture_is_refused_at_once(
    inline: Inline, client: FlaskClient, data: bytes, code: str
) -> None:
    response = send(client, data)
    assert (response.status_code, response.get_json()["code"]) == (422, code)
    assert response.get_json()["errors"][0]["field"] == "file"


def test_a_body_larger_than_a_request_may_be_is_413(client: FlaskClient) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    body = head + bytes(1_100_000) + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    response = client.post("/v1/searches", data=body, content_type=kind)
    assert (response.status_code, response.get_json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("form", "said", "field"),
    [
        ({}, "no picture", "file"),
        ({"search": "{}"}, "no picture", "file"),
        (
            {"file": [(io.BytesIO(jpeg(n)), f"{n}.jpg") for n in (1, 2)]},
            "more than one picture",
            "file",
        ),
        ({"file": (io.BytesIO(jpeg()), "x.jpg"), "picture": "x"}, "picture", "picture"),
        ({"image": (io.BytesIO(jpeg()), "x.jpg")}, "image", "image"),
        ({"file": "no file name"}, "file", "file"),
        (
            {"file": (io.BytesIO(jpeg()), "x.jpg"), "search": ["{}", "{}"]},
            "more than one part",
            "search",
        ),
        ({"file": (io.BytesIO(jpeg()), "x.jpg"), "search": "{"}, "JSON", "search"),
    ],
)
def test_parts_that_are_missing_or_unknown_are_named(
    client: FlaskClient, form: dict[str, Any], said: str, field: str
) -> None:
    if form:
        response = client.post("/v1/searches", data=form, content_type="multipart/form-data")
    else:
        # Werkzeug's client does not send an empty form as multipart.
        kind = "multipart/form-data; boundary=x"
        response = client.post("/v1/searches", data=b"--x--\r\n", content_type=kind)
    assert response.status_code == 400
    assert said in response.get_json()["detail"]
    assert [error["field"] for error in response.get_json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("search", "field"),
    [
        ([], ""),
        ({"text": "a", "image_id": "0" * 64}, ""),
        ({"top_k": 0}, "top_k"),
        ({"query": [{"picture": False}]}, "query.0.picture"),
        ({"query": [{"picture": True, "text": "a"}]}, "query.0"),
        ({"filter": {"colour": "red"}}, "filter.colour"),
    ],
)
def test_a_bad_search_beside_a_picture_names_its_field(
    inline: Inline, client: FlaskClient, search: Any, field: str
) -> None:
    response = send(client, picture("red"), search)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == field


def test_a_picture_that_did_not_come_is_named(client: FlaskClient) -> None:
    body = {"query": [{"text": "a"}, {"picture": True}]}
    response = client.post("/v1/searches", json=body, headers=WAIT)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == "query.1.picture"


def test_pictures_of_queries_are_no_images(client: FlaskClient) -> None:
    data = picture("pink")
    send(client, data)
    known = client.post("/v1/images/check", json={"ids": [image_id(data)]}).get_json()
    assert known["known"] == []
    assert client.get(f"/v1/images/{image_id(data)}/content").status_code == 404


def test_what_was_answered_outlives_its_picture(inline: Inline, client: FlaskClient) -> None:
    search = send(client, picture("red")).get_json()
    with pytest.raises(NotFound):
        inline.blobs.read("default", search["id"])
    assert inline.queries.read("default", search["id"]) == picture("red")
    inline.queries.expire(-1)
    with pytest.raises(NotFound):
        inline.queries.read("default", search["id"])
    assert client.get(search["links"]["self"]).get_json()["hits"] == search["hits"]


def test_a_picture_that_the_worker_does_not_see_is_told(inline: Inline) -> None:
    # The API stores the picture where the worker cannot read it.
    replace_parts(inline, queries=MemoryBlobs())
    search = send(inline.app.test_client(), picture("red")).get_json()
    assert (search["state"], search["error"]["code"]) == ("failed", "blobs_unavailable")
    assert "GLIMPSE_BLOBS_DIR" in search["error"]["detail"]
