"""``/v1/searches``: filters, pages, thresholds, groups, and lost searches."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from werkzeug.test import TestResponse

from common.errors import StoreError
from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.pictures import COLOURS, encoded, image_id, picture
from worker.stores.memory import MemoryStore

WAIT = {"Prefer": "wait=5"}


@pytest.fixture(autouse=True)
def _indexed(client: FlaskClient) -> None:
    """Index the warm colours in one album, then the remaining ones in another."""
    for album, stars, colours in (("warm", 5, ("red", "yellow")), ("other", 3.5, COLOURS)):
        files = [(io.BytesIO(picture(colour)), f"{album}/{colour}.png") for colour in colours]
        metadata = {"tags": [album, "all"], "album": album, "stars": stars, "öl & co": True}
        data = {"file": files, "metadata": json.dumps(metadata)}
        assert client.post("/v1/images", data=data).status_code == 202


def ask(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post("/v1/searches", json={"text": "red"} | body, headers=WAIT)


def names(response: TestResponse) -> set[str]:
    assert response.status_code == 200
    found = response.get_json()
    assert found["state"] == "succeeded"
    return {hit["filename"].removesuffix(".png") for hit in found["hits"]}


WARM = {"warm/red", "warm/yellow"}
OTHER = {f"other/{colour}" for colour in COLOURS if colour not in ("red", "yellow")}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, WARM | OTHER),
        ({"tags": {"any": ["warm"]}}, WARM),
        ({"tags": {"all": ["all"], "none": ["warm"]}}, OTHER),
        ({"metadata.album": "warm"}, WARM),
        ({"metadata.stars": {"lt": 5}}, OTHER),
        ({"metadata.öl & co": True, "format": "png"}, WARM | OTHER),
        ({"filename": {"prefix": "warm/r"}}, {"warm/red"}),
        ({"width": {"gt": 40}}, set()),
        ({"width": 40, "height": {"gte": 30}, "bytes": {"lt": 10**6}}, WARM | OTHER),
        ({"indexed_at": {"lt": "2020-01-01T00:00:00Z"}}, set()),
    ],
)
def test_a_filter_is_met_by_every_hit(
    client: FlaskClient, asked: dict[str, Any], found: set[str]
) -> None:
    assert names(ask(client, filter=asked)) == found


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("tags", "filter"),
        ({"colour": "red"}, "filter.colour"),
        ({"tags": {"some": ["x"]}}, "filter.tags.some"),
        ({"width": {"gte": "640"}}, "filter.width.gte"),
        ({"metadata.album": {"like": "%"}}, "filter.metadata.album.like"),
        ({"metadata.album": {"in": [None]}}, "filter.metadata.album.in.0"),
        ({"metadata.album": None}, "filter.metadata.album.eq"),
        ({"camera": None}, "filter.camera"),
        ({"width": {"gte": 640, "lte": None}}, "filter.width.lte"),
        ({"not": None}, "filter.not"),
        ({"or": [{"tags": None}]}, "filter.or.0.tags"),
        ({"indexed_at": {"gte": "2026"}}, "filter.indexed_at.gte"),
        ({"taken_at": {"gte": "2026"}}, "filter.taken_at.gte"),
        ({"camera": {"like": "%"}}, "filter.camera.like"),
        ({"near": {"latitude": 91, "longitude": 0, "km": 1}}, "filter.near.latitude"),
        ({"near": {"latitude": 1, "longitude": 0}}, "filter.near.km"),
        ({"tenant": "other"}, "filter.tenant"),
    ],
)
def test_a_bad_filter_is_422_and_names_its_field(
    client: FlaskClient, asked: Any, field: str
) -> None:
    response = ask(client, filter=asked)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == field


def test_a_page_of_a_filtered_search_is_a_part_of_it(client: FlaskClient) -> None:
    asked = {"tags": {"none": ["warm"]}}
    whole = ask(client, filter=asked).get_json()["hits"]
    page = ask(client, filter=asked, top_k=2, offset=1).get_json()["hits"]
    assert page == whole[1:3]


def test_a_thousand_hits_from_ten_thousand_on_may_be_asked_for(client: FlaskClient) -> None:
    assert names(ask(client, top_k=1000)) == WARM | OTHER
    assert names(ask(client, top_k=1000, offset=10_000)) == set()


def near_duplicates(client: FlaskClient) -> list[str]:
    """Index three nearly identical pictures; return their ids."""
    made = []
    for shade in (200, 201, 202):
        data = encoded(Image.new("RGB", (40, 30), (shade, 100, 240)), "PNG")
        files = [(io.BytesIO(data), f"shade-{shade}.png")]
        client.post("/v1/images", data={"file": files})
        made.append(image_id(data))
    return made


def test_near_duplicates_are_folded_into_the_best_of_them(client: FlaskClient) -> None:
    ids = near_duplicates(client)
    search = ask(client, text=None, image_id=ids[1], group_duplicates=0.99).get_json()
    best, *others = search["hits"]
    assert best["id"] == ids[1]
    assert {each["id"] for each in best["duplicates"]} == {ids[0], ids[2]}
    for each in best["duplicates"]:
        assert set(each) == {"id", "score", "filename", "distance", "links"}
        assert client.get(each["links"]["content"]).status_code == 200
    assert [hit["rank"] for hit in search["hits"]] == list(range(1, len(COLOURS) + 2))
    assert all(hit["duplicates"] == [] for hit in others)


def test_pages_count_groups(client: FlaskClient) -> None:
    ids = near_duplicates(client)
    body = {"text": None, "image_id": ids[0], "group_duplicates": 0.99}
    whole = ask(client, **body).get_json()["hits"]
    pages = [
        hit
        for offset in (0, 2, 4, 6)
        for hit in ask(client, **body, top_k=2, offset=offset).get_json()["hits"]
    ]
    assert pages == whole


def test_without_the_option_every_image_is_a_hit(client: FlaskClient) -> None:
    near_duplicates(client)
    hits = ask(client).get_json()["hits"]
    assert len(hits) == len(COLOURS) + 3
    assert all(hit["duplicates"] == [] for hit in hits)


def test_what_scores_too_low_is_no_duplicate_either(client: FlaskClient) -> None:
    ids = near_duplicates(client)
    body = {"text": None, "image_id": ids[0], "group_duplicates": 0.5}
    hits = ask(client, **body, min_score=0.9999).get_json()["hits"]
    scores = [each["score"] for hit in hits for each in (hit, *hit["duplicates"])]
    assert scores
    assert min(scores) >= 0.9999


@pytest.mark.parametrize("threshold", [0.49, 1.01, "0.9", True])
def test_a_threshold_out_of_range_is_422(client: FlaskClient, threshold: Any) -> None:
    response = ask(client, group_duplicates=threshold)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == "group_duplicates"


def test_captions_are_drawn_when_asked_for(client: FlaskClient) -> None:
    path = ask(client).get_json()["links"]["contact_sheet"]
    plain = Image.open(io.BytesIO(client.get(f"{path}?captions=false").data))
    with_captions = Image.open(io.BytesIO(client.get(f"{path}?captions=true").data))
    assert plain.size == (750, 300)
    assert with_captions.width == 750
    assert with_captions.height > 300
    assert client.get(f"{path}?captions=perhaps").status_code == 422


@pytest.mark.parametrize("captions", ["true", "false"])
def test_a_sheet_goes_without_a_picture_that_is_gone(
    inline: Inline, client: FlaskClient, captions: str
) -> None:
    path = ask(client).get_json()["links"]["contact_sheet"]
    inline.blobs.delete("default", image_id(picture("red")))
    response = client.get(f"{path}?captions={captions}")
    assert response.status_code == 200
    sheet = Image.open(io.BytesIO(response.data)).convert("RGB")
    assert sheet.getpixel((20, 20)) == (245, 245, 245)
    assert len(sheet.crop((0, 0, 150, 150)).getcolors(150 * 150)) == 2


def test_a_damaged_thumbnail_is_made_anew(inline: Inline, client: FlaskClient) -> None:
    red = image_id(picture("red"))
    links = client.get(f"/v1/images/{red}").get_json()["links"]
    whole = client.get(links["thumbnail"]).data
    for damaged in (b"", b"no picture", whole[: len(whole) // 2]):
        inline.blobs.put_rendition("default", red, "150-300", damaged)
        assert client.get(links["thumbnail"]).data == whole


def test_a_search_whose_worker_was_killed_is_given_up() -> None:
    inline = start_inline(load_settings({"GLIMPSE_SEARCH_EXPIRES_S": "5"}), workers=False)
    client = inline.app.test_client()
    search = ask(client).get_json()
    assert search["state"] == "queued"
    searches = inline.app.extensions["glimpse"].searches
    record = searches.get(search["id"])
    searches.put(record.model_copy(update={"created_at": time.time() - 66}))
    found = client.get(search["links"]["self"])
    assert found.get_json()["state"] == "failed"
    assert found.get_json()["error"]["code"] == "search_failed"
    assert "Retry-After" not in found.headers
    sheet = client.get(search["links"]["contact_sheet"])
    assert (sheet.status_code, sheet.get_json()["code"]) == (422, "unprocessable")
    inline.close()


class RefusingStore(MemoryStore):
    """A store that refuses every call permanently, as Milvus does for a wrong token."""

    def get(self, *_: object) -> Any:
        raise StoreError("Milvus refuses the token.")

    def search(self, *_: object) -> Any:
        raise StoreError("Milvus refuses the token.")


def test_what_the_store_refuses_is_told_with_its_own_code() -> None:
    inline = start_inline(load_settings({}), store=RefusingStore())
    client = inline.app.test_client()
    search = ask(client).get_json()
    assert (search["state"], search["error"]["code"]) == ("failed", "store_error")
    image = client.get(f"/v1/images/{'0' * 64}")
    assert image.get_json()["code"] == "store_error"
    assert image.status_code == 502
    inline.close()


# Filters that a caller may send, valid or not, with real field names among the random ones.
_NAMES = ["tags", "width", "filename", "indexed_at", "metadata.album", "metadata.", "metadata"]
_OPERATORS = ["any", "none", "eq", "in", "gt", "lte", "prefix"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_OPERATORS) | st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
_FILTERS = _JSON | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=9), _JSON, max_size=3)


def test_no_filter_is_a_defect(client: FlaskClient) -> None:
    @settings(max_examples=300, deadline=None)
    @given(_FILTERS)
    def sent(asked: Any) -> None:
        response = ask(client, filter=asked)
        if response.status_code == 200:
            assert response.get_json()["state"] == "succeeded"
        else:
            assert response.status_code == 422
            fields = [error["field"] for error in response.get_json()["errors"]]
            assert all(field == "filter" or field.startswith("filter.") for field in fields)

    sent()
