"""Thumbnails that are not stored: made on demand, unless the picture or the memory forbids it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageFile
from werkzeug.test import TestResponse

from api.services import Services
from common.claims.memory import MemoryClaims
from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture, truncated_jpeg
from worker.pixel_budget import PixelBudget

DATA = picture("red", size=(64, 64))
ID = image_id(DATA)
THUMBNAIL = f"/v1/images/{ID}/thumbnail"


@pytest.fixture
def services(inline: Inline, client: FlaskClient) -> Services:
    """The API's parts, with a picture of 4096 pixels indexed and no thumbnail stored."""
    index(inline, client)
    found: Services = inline.app.extensions["glimpse"]
    return found


def index(inline: Inline, client: FlaskClient) -> None:
    """Upload the picture, and remove the thumbnails that its ingest stored."""
    upload = client.post("/v1/images", data={"file": (io.BytesIO(DATA), "red.png")})
    assert upload.get_json()["indexed"] == 1
    inline.blobs.withdraw("default", ID)
    inline.blobs.restore("default", ID)
    assert inline.blobs.rendition("default", ID, "150-300") is None


def told(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


def no_memory(*_: object) -> None:
    raise MemoryError


def sheet(client: FlaskClient) -> Image.Image:
    search = client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=5"})
    response = client.get(search.get_json()["links"]["contact_sheet"])
    assert response.status_code == 200
    return Image.open(io.BytesIO(response.data)).convert("RGB")


def test_a_quarantined_picture_is_not_decoded(client: FlaskClient, services: Services) -> None:
    services.dead_letters.put([letter_about(ID, code="quarantined")])
    response = client.get(THUMBNAIL)
    assert told(response) == (404, "not_found")
    assert "quarantined" in response.get_json()["detail"]
    assert services.blobs.rendition("default", ID, "150-300") is None


def test_a_picture_that_a_worker_died_of_is_not_decoded(
    client: FlaskClient, services: Services
) -> None:
    MemoryClaims(0.0, 3, services.claims.table).take("dead", "default", [ID])
    response = client.get(THUMBNAIL)
    assert told(response) == (404, "not_found")
    assert "once it is indexed" in response.get_json()["detail"]
    services.claims.take("worker", "default", [ID], alone=True)
    assert client.get(THUMBNAIL).status_code == 404
    services.claims.settle("worker", "default", {ID: "job"})
    assert client.get(THUMBNAIL).status_code == 200


def test_a_picture_that_a_worker_has_in_hand_is_decoded(
    client: FlaskClient, services: Services
) -> None:
    services.claims.take("worker", "default", [ID])
    assert client.get(THUMBNAIL).status_code == 200


def test_a_picture_that_the_model_failed_on_is_decoded(
    client: FlaskClient, services: Services
) -> None:
    services.dead_letters.put([letter_about(ID, code="encoder_error")])
    assert client.get(THUMBNAIL).status_code == 200


def test_what_is_kept_is_shown_whatever_became_of_the_picture(
    client: FlaskClient, services: Services
) -> None:
    shown = client.get(THUMBNAIL).data
    services.dead_letters.put([letter_about(ID, code="quarantined")])
    services.claims.take("worker", "default", [ID])
    assert client.get(THUMBNAIL).data == shown


def test_a_sheet_marks_what_is_not_decoded(client: FlaskClient, services: Services) -> None:
    services.dead_letters.put([letter_about(ID, code="quarantined")])
    # The placeholder's two lines cross in the middle.
    assert sheet(client).getpixel((75, 75)) == (210, 210, 210)
    services.dead_letters.remove("default", ID)
    assert sheet(client).getpixel((75, 75)) == pytest.approx((255, 0, 0), abs=6)


def test_without_room_a_thumbnail_is_refused_for_now() -> None:
    budget = PixelBudget(5000)
    inline = start_inline(load_settings({}), budget=budget)
    client = inline.app.test_client()
    index(inline, client)
    budget.take(5000 - 4095)
    response = client.get(THUMBNAIL)
    budget.give_back(5000 - 4095)
    assert told(response) == (503, "overloaded")
    assert response.headers["Retry-After"] == "2"
    assert client.get(THUMBNAIL).status_code == 200
    budget.take(5000)
    # A stored thumbnail needs no room for pixels.
    assert client.get(THUMBNAIL).status_code == 200
    inline.close()


def test_a_picture_of_as_many_pixels_as_one_may_have_has_room() -> None:
    inline = start_inline(load_settings({"GLIMPSE_IMAGE_PIXELS_MAX": "4096"}))
    client = inline.app.test_client()
    index(inline, client)
    assert client.get(THUMBNAIL).status_code == 200
    inline.close()


def test_a_lack_of_memory_is_a_503(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", no_memory)
        response = client.get(THUMBNAIL)
    assert told(response) == (503, "overloaded")
    assert "memory" in response.get_json()["detail"]
    assert response.headers["Retry-After"]
    assert client.get(THUMBNAIL).status_code == 200


def test_a_lack_of_memory_is_no_fault_of_an_upload_and_leaves_it_to_be_replayed(
    inline: Inline, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", no_memory)
        job = client.post("/v1/images", data={"file": (io.BytesIO(DATA), "red.png")}).get_json()
    (failed,) = client.get(f"{job['links']['self']}/items").get_json()["items"]
    assert (failed["state"], failed["code"]) == ("failed", "encoder_error")
    assert "memory" in failed["detail"]
    (dead,) = client.get("/v1/dead-letters").get_json()["dead_letters"]
    assert client.post(dead["links"]["replay"]).get_json()["indexed"] == 1


def test_a_lack_of_memory_is_no_fault_of_a_querys_picture(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    form: dict[str, Any] = {"file": (io.BytesIO(picture("blue")), "query.png")}
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", no_memory)
        found = client.post("/v1/searches", data=form, headers={"Prefer": "wait=5"}).get_json()
    assert (found["state"], found["error"]["code"]) == ("failed", "encoder_error")
    assert "memory" in found["error"]["detail"]


def test_a_damaged_original_has_no_thumbnail(
    inline: Inline, client: FlaskClient, services: Services
) -> None:
    del services
    writer = inline.blobs.writer("default")
    writer.write(truncated_jpeg())
    writer.commit(ID)
    response = client.get(THUMBNAIL)
    assert told(response) == (422, "truncated")
    assert "Check the file" in response.get_json()["detail"]


def test_a_picture_that_is_not_indexed_yet_has_no_thumbnail(
    inline: Inline, client: FlaskClient
) -> None:
    writer = inline.blobs.writer("default")
    writer.write(DATA)
    writer.commit(ID)
    response = client.get(THUMBNAIL)
    assert told(response) == (404, "not_found")
    assert "until it is indexed" in response.get_json()["detail"]


def test_without_a_worker_a_missing_thumbnail_is_refused_for_now() -> None:
    inline = start_inline(load_settings({}), workers=False)
    client = inline.app.test_client()
    client.post("/v1/images", data={"file": (io.BytesIO(DATA), "red.png")})
    response = client.get(THUMBNAIL)
    assert told(response) == (503, "worker_unavailable")
    assert response.headers["Retry-After"]
    inline.close()


@pytest.mark.parametrize("size", [16, 150, 200, 300, 1024])
def test_a_thumbnail_of_any_size_is_cached_for_good(
    client: FlaskClient, services: Services, size: int
) -> None:
    del services
    response = client.get(f"{THUMBNAIL}?size={size}")
    assert Image.open(io.BytesIO(response.data)).size == (min(size, 64),) * 2
    assert "immutable" in response.headers["Cache-Control"]
    tag = {"If-None-Match": response.headers["ETag"]}
    assert client.get(f"{THUMBNAIL}?size={size}", headers=tag).status_code == 304
    assert client.get(f"{THUMBNAIL}?size=17", headers=tag).status_code == 200
