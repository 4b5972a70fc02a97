"""Changes of indexed images: ``/v1/images/refreshes``."""

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
