"""What a file says of its picture, from the upload to lists, searches and the command line."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from cli.main import run
from tests.support.camera_pictures import camera_picture
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job
from tests.support.services import Stack

TAKEN, PLAIN = camera_picture("red"), picture("blue")


@pytest.fixture(scope="module")
def client(tenant_client: httpx.Client) -> httpx.Client:
    """A client of a tenant with two pictures, one of them from a camera."""
    files = [("file", ("kite.jpg", TAKEN)), ("file", ("plain.png", PLAIN))]
    finished_job(tenant_client, tenant_client.post("/v1/images", files=files).headers["Location"])
    return tenant_client


def found(client: httpx.Client, **asked: Any) -> list[str]:
    body = {"text": "red", "filter": asked}
    response = client.post("/v1/searches", json=body, headers={"Prefer": "wait=30"})
    return [hit["filename"] for hit in response.raise_for_status().json()["hits"]]


def test_an_image_shows_what_its_file_says(client: httpx.Client) -> None:
    photo = client.get(f"/v1/images/{image_id(TAKEN)}").raise_for_status().json()["photo"]
    location = photo.pop("location")
    assert photo == {
        "taken_at": "2024-05-01T12:00:00+02:00",
        "camera": "Canon EOS 5D",
        "lens": "EF50mm f/1.8 STM",
        "orientation": None,
        "description": "A red kite above the river",
        "keywords": ["kite", "river"],
    }
    assert location["latitude"] == pytest.approx(48.13708, abs=1e-5)
    assert location["longitude"] == pytest.approx(11.57542, abs=1e-5)
    assert location["altitude"] == 519
    listed = {each["filename"]: each["photo"] for each in client.get("/v1/images").json()["images"]}
    assert listed == {"kite.jpg": {**photo, "location": location}, "plain.png": None}


def test_searches_find_by_what_the_file_says(client: httpx.Client) -> None:
    here = {"latitude": 48.14, "longitude": 11.58}
    assert len(found(client)) == 2
    assert found(client, taken_at={"gte": "2024-05-01T10:00:00Z"}) == ["kite.jpg"]
    assert found(client, taken_at={"gt": "2024-05-01T10:00:00Z"}) == []
    assert found(client, camera="CANON EOS 5d") == ["kite.jpg"]
    assert found(client, near={**here, "km": 0.6}) == ["kite.jpg"]
    assert found(client, near={**here, "km": 0.4}) == []


def test_the_command_line_finds_and_lists(
    client: httpx.Client,
    shared_stack: Stack,
    api_key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GLIMPSE_URL", shared_stack.api.url)
    monkeypatch.setenv("GLIMPSE_API_KEY", api_key)
    conditions = ["--taken-after", "2024-05-01", "--taken-before", "2024-05-02"]
    conditions += ["--camera", "canon", "--near", "48.14,11.58,5"]
    assert run(["search", "red", *conditions]) == 0
    assert capsys.readouterr().out.split("\t")[2].strip() == "kite.jpg"
    assert run(["images", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["images"]
    cameras = {each["filename"]: (each["photo"] or {}).get("camera") for each in listed}
    assert cameras == {"kite.jpg": "Canon EOS 5D", "plain.png": None}
