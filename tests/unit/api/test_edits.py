"""Changes of indexed images: ``PATCH``, ``/v1/images/edits`` and ``/v1/images/refreshes``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.images.photo_info import PhotoInfo
from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.pictures import COLOURS, image_id, picture

RED = image_id(picture("red"))
INFO = PhotoInfo(camera="Canon EOS 5D")

pytestmark = pytest.mark.usefixtures("indexed_colours")


@pytest.fixture
def inline() -> Iterator[Inline]:
    inline = start_inline(load_settings({}), read_info=lambda *_: INFO)
    yield inline
    inline.close()


def begun(client: FlaskClient, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    response = client.post(f"/v1/images/{path}", json=body, headers=headers)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = client.get(response.headers["Location"]).get_json()
    return job


def test_a_refresh_of_all_images(client: FlaskClient, inline: Inline) -> None:
    job = begun(client, "refreshes", {})
    assert (job["kind"], job["state"]) == ("refresh", "succeeded")
    assert (job["total"], job["modified"], job["unchanged"]) == (len(COLOURS), len(COLOURS), 0)
    assert inline.store.get("default", [RED])[0].photo == INFO
    assert begun(client, "refreshes", {})["unchanged"] == len(COLOURS)


def test_a_refresh_of_some(client: FlaskClient) -> None:
    assert begun(client, "refreshes", {"ids": [RED]})["modified"] == 1
    name = {"filter": {"filename": "blue.png"}}
    job = begun(client, "refreshes", name)
    assert (job["total"], job["modified"]) == (1, 1)
    items = client.get(f"{job['links']['self']}/items").get_json()["items"]
    assert [(item["filename"], item["state"]) for item in items] == [("blue.png", "modified")]
    states = client.get(f"{job['links']['self']}/items?state=unchanged").get_json()
    assert states["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": []}, "ids"),
        ({"ids": ["x"]}, "ids.0"),
        ({"ids": [RED], "filter": {}}, ""),
        ({"filter": {"colour": "red"}}, "filter.colour"),
        ({"tags": ["dog"]}, "tags"),
    ],
)
def test_a_selection_is_checked(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    response = client.post("/v1/images/refreshes", json=body)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == field


def test_a_repeated_request_begins_one_job(client: FlaskClient) -> None:
    named = {"Idempotency-Key": "mine"}
    first = begun(client, "refreshes", {}, **named)
    assert begun(client, "refreshes", {}, **named)["id"] == first["id"]
    other = client.post("/v1/images/refreshes", json={"ids": [RED]}, headers=named)
    assert other.get_json()["code"] == "idempotency_key_reused"


def test_images_of_other_uploads_do_not_wait_for_it(client: FlaskClient) -> None:
    begun(client, "refreshes", {})
    new = {"file": (io.BytesIO(picture("pink")), "pink.png")}
    assert client.post("/v1/images", data=new).get_json()["indexed"] == 1


def change(client: FlaskClient, **body: Any) -> dict[str, Any]:
    response = client.patch(f"/v1/images/{RED}", json=body)
    assert response.status_code == 200, response.text
    image: dict[str, Any] = response.get_json()
    assert client.get(f"/v1/images/{RED}").get_json() == image
    return image


def test_an_image_is_changed(client: FlaskClient) -> None:
    before = client.get(f"/v1/images/{RED}").get_json()
    assert change(client) == before
    image = change(client, tags={"add": ["b", "a", "b"]}, metadata={"year": 2026, "note": "x"})
    assert (image["tags"], image["metadata"]) == (["b", "a"], {"year": 2026, "note": "x"})
    tags = {"add": ["c"], "remove": ["b", "c", "unknown"]}
    image = change(client, tags=tags, metadata={"note": None})
    assert (image["tags"], image["metadata"]) == (["a", "c"], {"year": 2026})
    assert image == before | {"tags": ["a", "c"], "metadata": {"year": 2026}}
    listed = client.get("/v1/images?tag=c").get_json()["images"]
    assert [each["id"] for each in listed] == [RED]


def test_a_renamed_image_keeps_its_earlier_names(client: FlaskClient) -> None:
    image = change(client, filename=" b/new\n.png")
    assert (image["filename"], image["earlier_filenames"]) == ("b/new.png", ["red.png"])
    assert change(client, filename="b/new.png")["earlier_filenames"] == ["red.png"]
    image = change(client, filename="red.png")
    assert (image["filename"], image["earlier_filenames"]) == ("red.png", ["b/new.png"])
    for number in range(12):
        image = change(client, filename=f"{number}.png")
    assert image["earlier_filenames"] == [f"{number}.png" for number in range(10, 2, -1)]
    for letter in "abc":
        image = change(client, filename=letter * 1000 + "犬" * 24)
    image = change(client, filename="ü" * 1024)
    for letter in "öäõ":
        image = change(client, filename=letter * 1024)
    assert sum(len(name.encode()) for name in image["earlier_filenames"]) <= 8192
    assert image["earlier_filenames"][0] == "ä" * 1024


def test_an_unknown_image_is_not_changed(client: FlaskClient) -> None:
    response = client.patch(f"/v1/images/{'0' * 64}", json={"tags": {"add": ["a"]}})
    assert (response.status_code, response.get_json()["code"]) == (404, "not_found")


def test_an_image_of_another_task_is_not_changed(client: FlaskClient, inline: Inline) -> None:
    claims = inline.app.extensions["glimpse"].claims
    claims.take("a task", "default", [RED])
    response = client.patch(f"/v1/images/{RED}", json={"tags": {"add": ["a"]}})
    assert (response.status_code, response.get_json()["code"]) == (503, "worker_unavailable")
    claims.give_back("a task", "default", [RED])
    assert change(client, tags={"add": ["a"]})["tags"] == ["a"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tags": ["a"]}, "tags"),
        ({"tags": {"add": ["a\nb"]}}, "tags.add.0"),
        ({"tags": {"add": [""]}}, "tags.add.0"),
        ({"metadata": {"": 1}}, "metadata..[key]"),
        ({"metadata": {"a": [1]}}, "metadata.a"),
        ({"metadata": {"a": 1e999}}, "metadata.a"),
        ({"metadata": {f"key {n}": n for n in range(65)}}, "metadata"),
        ({"metadata": {f"key {n}": "x" * 1000 for n in range(40)}}, ""),
        ({"filename": ""}, "filename"),
        ({"filename": "\n"}, "filename"),
        ({"filename": "x" * 1025}, "filename"),
        ({"width": 1}, "width"),
    ],
)
def test_a_change_is_checked(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    for method, path in (("PATCH", f"/v1/images/{RED}"), ("POST", "/v1/images/edits")):
        ids = {"ids": [RED]} if method == "POST" else {}
        response = client.open(path, method=method, json=body | ids)
        assert response.status_code == 422
        assert response.get_json()["errors"][0]["field"] == field


def test_an_image_has_no_more_than_an_upload_may_have(client: FlaskClient) -> None:
    change(client, tags={"add": [f"tag {n}" for n in range(60)]})
    response = client.patch(f"/v1/images/{RED}", json={"tags": {"add": list("abcde")}})
    assert response.status_code == 422
    assert "would have 65 tags; an image may have 64" in response.get_json()["detail"]
    assert len(change(client, tags={"add": list("abcde"), "remove": ["tag 0"]})["tags"]) == 64
    change(client, metadata={f"key {n}": n for n in range(64)})
    response = client.patch(f"/v1/images/{RED}", json={"metadata": {"more": 1}})
    assert "would have 65 metadata keys" in response.get_json()["detail"]
    change(client, metadata={f"key {n}": None for n in range(64)})
    for part in "ab":
        response = client.patch(
            f"/v1/images/{RED}", json={"metadata": {f"{part}{n}": "x" * 1000 for n in range(20)}}
        )
    assert "bytes as JSON" in response.get_json()["detail"]


def test_images_are_edited_by_id(client: FlaskClient) -> None:
    body = {"ids": [RED, "0" * 64], "tags": {"add": ["a"]}, "metadata": {"year": 2026}}
    job = begun(client, "edits", body)
    assert (job["kind"], job["state"]) == ("edit", "partial")
    assert (job["total"], job["modified"], job["failed"]) == (2, 1, 1)
    image = client.get(f"/v1/images/{RED}").get_json()
    assert (image["tags"], image["metadata"]) == (["a"], {"year": 2026})
    assert begun(client, "edits", body)["unchanged"] == 1


def test_images_are_edited_by_filter(client: FlaskClient) -> None:
    assert begun(client, "edits", {"filter": {}, "tags": {"add": ["all"]}})["modified"] == len(
        COLOURS
    )
    wanted = {"filter": {"filename": {"in": ["red.png", "blue.png"]}, "tags": {"any": ["all"]}}}
    assert begun(client, "edits", wanted | {"tags": {"remove": ["all"]}})["modified"] == 2
    assert len(client.get("/v1/images?tag=all").get_json()["images"]) == len(COLOURS) - 2


def test_an_image_that_would_exceed_a_limit_fails_alone(client: FlaskClient) -> None:
    change(client, tags={"add": [f"tag {n}" for n in range(64)]})
    job = begun(client, "edits", {"filter": {}, "tags": {"add": ["one more"]}})
    assert (job["state"], job["failed"], job["modified"]) == ("partial", 1, len(COLOURS) - 1)
    failed = client.get(f"{job['links']['self']}/items?state=failed").get_json()["items"]
    assert [(item["id"], item["code"]) for item in failed] == [(RED, "unprocessable")]


@pytest.mark.parametrize("selection", [{}, {"ids": [RED], "filter": {}}])
def test_an_edit_says_which_images(client: FlaskClient, selection: dict[str, Any]) -> None:
    response = client.post("/v1/images/edits", json=selection | {"tags": {"add": ["a"]}})
    assert response.status_code == 422
    assert "either ids or a filter" in response.get_json()["detail"]
