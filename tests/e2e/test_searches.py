"""Searches through real processes: pictures, filters, groups, deep pages, and a killed worker."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.pictures import COLOURS, encoded, image_id, picture, scene, truncated_jpeg
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack

# Images in the collection, enough for more than a thousand hits.
IMAGES = 1200


def shade(number: int) -> bytes:
    """Return one of many distinct pictures."""
    colour = (number % 256, number // 256 * 40, 255 - number % 200)
    return encoded(Image.new("RGB", (32, 24), colour), "PNG")


@pytest.fixture(scope="module")
def client(tenant_client: httpx.Client) -> httpx.Client:
    """A client of a tenant whose pictures are all indexed."""
    upload(tenant_client, [picture(colour) for colour in COLOURS], {"album": 'one "x" \\ é'})
    upload(tenant_client, [shade(number) for number in range(IMAGES)], {"tags": ["shade"]})
    return tenant_client


def upload(client: httpx.Client, pictures: list[bytes], metadata: dict[str, Any]) -> None:
    parts = [("file", (f"{number}.png", data)) for number, data in enumerate(pictures)]
    data = {"metadata": json.dumps(metadata)}
    response = client.post("/v1/images", files=parts, data=data)
    job = finished_job(client, response.raise_for_status().headers["Location"])
    assert job["state"] == "succeeded", job


def ask(client: httpx.Client, data: bytes | None = None, **body: Any) -> dict[str, Any]:
    """Search, by a picture if given, and return the result."""
    prefer = {"Prefer": "wait=30"}
    if data is None:
        response = client.post("/v1/searches", json=body, headers=prefer)
    else:
        files = {"file": ("query", data), "search": (None, json.dumps(body))}
        response = client.post("/v1/searches", files=files, headers=prefer)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_picture_finds_itself(client: httpx.Client) -> None:
    hit = ask(client, shade(700), top_k=1)["hits"][0]
    assert hit["id"] == image_id(shade(700))
    assert hit["score"] == pytest.approx(1, abs=1e-5)


def test_many_pictures_at_once_find_each_its_own(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda colour: ask(client, picture(colour), top_k=1), COLOURS * 4))
    found = [answer["hits"][0]["id"] for answer in answers]
    assert found == [image_id(picture(colour)) for colour in COLOURS * 4]


def test_a_damaged_picture_fails_its_search_alone(client: httpx.Client) -> None:
    found = ask(client, truncated_jpeg())
    assert (found["state"], found["error"]["code"]) == ("failed", "truncated")
    assert ask(client, text="red")["state"] == "succeeded"


def test_a_filter_reaches_the_store(client: httpx.Client) -> None:
    album = {"metadata.album": 'one "x" \\ é'}
    assert len(ask(client, text="red", top_k=100, filter=album)["hits"]) == len(COLOURS)
    assert ask(client, text="red", filter={"metadata.album": '" or tenant != "'})["hits"] == []
    hits = ask(client, text="red", top_k=100, filter={"tags": {"none": ["shade"]}})["hits"]
    assert {hit["id"] for hit in hits} == {image_id(picture(colour)) for colour in COLOURS}


def test_a_thousand_hits_and_those_after_them_are_given(client: httpx.Client) -> None:
    first = ask(client, text="blue", top_k=1000)["hits"]
    rest = ask(client, text="blue", top_k=1000, offset=1000)["hits"]
    assert [hit["rank"] for hit in first + rest] == list(range(1, IMAGES + len(COLOURS) + 1))
    assert len({hit["id"] for hit in first + rest}) == IMAGES + len(COLOURS)
    scores = [hit["score"] for hit in first + rest]
    assert scores == sorted(scores, reverse=True)


def test_groups_hold_every_image_once(client: httpx.Client) -> None:
    hits = ask(client, text="blue", top_k=1000, group_duplicates=0.99)["hits"]
    assert len(hits) < IMAGES
    ids = [each["id"] for hit in hits for each in (hit, *hit["duplicates"])]
    assert len(set(ids)) == len(ids) == IMAGES + len(COLOURS)
    page = ask(client, text="blue", top_k=3, offset=2, group_duplicates=0.99)["hits"]
    assert page == hits[2:5]


@pytest.fixture
def copies(client: httpx.Client) -> Iterator[list[str]]:
    """The ids of a picture and of a smaller copy, indexed for one test."""
    original = scene(5, (320, 240))
    files = [encoded(original, "PNG"), encoded(original.resize((160, 120)), "JPEG", quality=40)]
    upload(client, files, {})
    ids = [image_id(data) for data in files]
    yield ids
    for each in ids:
        client.delete(f"/v1/images/{each}").raise_for_status()


def test_copies_are_grouped_and_noise_needs_a_threshold(
    client: httpx.Client, copies: list[str]
) -> None:
    original, copy = copies
    best, *others = ask(client, image_id=original, top_k=9, group_duplicates="auto")["hits"]
    assert (best["id"], [each["id"] for each in best["duplicates"]]) == (original, [copy])
    assert best["duplicates"][0]["distance"] <= 10
    assert copy not in {hit["id"] for hit in others}
    assert ask(client, text="red", min_score="auto")["error"]["code"] == "no_threshold"


def test_a_captioned_sheet_is_drawn(client: httpx.Client) -> None:
    links = ask(client, text="blue")["links"]
    sheet = client.get(links["contact_sheet"], params={"captions": "true"})
    with Image.open(io.BytesIO(sheet.content)) as drawn:
        assert drawn.width == 750
        assert drawn.height > 300


def test_pictures_of_queries_go_when_their_searches_do(
    shared_stack: Stack, tenant: str, client: httpx.Client
) -> None:
    search = ask(client, picture("red"))
    kept = Path(shared_stack.settings["GLIMPSE_BLOBS_DIR"]) / "queries" / tenant / "originals"
    assert len(list(kept.rglob(search["id"]))) == 1
    wait_for(lambda: not any(kept.rglob(search["id"])), 60, "the end of the picture")
    assert client.get(search["links"]["self"]).status_code == 404
