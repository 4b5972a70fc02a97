"""``/v1/searches``: near-duplicates by perceptual hash, and hits that are noise."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.schemas.search import SearchBody
from common.settings import load_settings
from tests.support.inline import start_inline
from tests.support.pictures import encoded, image_id, picture, scene

WAIT = {"Prefer": "wait=5"}
# The model of the tests has no measured threshold.
NOISE = {"GLIMPSE_NOISE_TEXT": "0.4", "GLIMPSE_NOISE_IMAGE": "0.9"}
SIZE = (320, 240)
# A picture, a copy of it, and others.
ORIGINAL, COPY = (
    encoded(scene(1, SIZE), "PNG"),
    encoded(scene(1, SIZE).resize((160, 120)), "JPEG", quality=40),
)
PICTURES = {"original.png": ORIGINAL, "copy.jpg": COPY} | {
    f"{seed}.png": encoded(scene(seed, SIZE), "PNG") for seed in (2, 3)
}


@pytest.fixture(scope="module")
def known() -> Iterator[FlaskClient]:
    """A service that knows the noise of its model, with the pictures indexed."""
    inline = start_inline(load_settings(NOISE))
    client = inline.app.test_client()
    index(client)
    yield client
    inline.close()


def index(client: FlaskClient) -> None:
    files = [(io.BytesIO(data), name) for name, data in PICTURES.items()]
    files.append((io.BytesIO(picture("red")), "red.png"))
    assert client.post("/v1/images", data={"file": files}).status_code == 202


def ask(client: FlaskClient, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.post("/v1/searches", json=body, headers=WAIT).get_json()
    return found


def names(search: dict[str, Any]) -> set[str]:
    return {hit["filename"] for hit in search["hits"]}


def test_copies_are_folded_whatever_the_model_says(known: FlaskClient) -> None:
    search = ask(known, image_id=image_id(ORIGINAL), group_duplicates="auto")
    best, *others = search["hits"]
    assert best["filename"] == "original.png"
    (copy,) = best["duplicates"]
    assert copy["filename"] == "copy.jpg"
    assert 0 <= copy["distance"] <= 10
    assert {hit["filename"] for hit in others} == {"2.png", "3.png", "red.png"}
    assert all(hit["duplicates"] == [] for hit in others)


def test_hits_are_compared_with_the_noise_of_their_query(known: FlaskClient) -> None:
    every = ask(known, text="red")
    assert every["noise_threshold"] == pytest.approx(0.4)
    above = {hit["filename"] for hit in every["hits"] if hit["score"] >= 0.4}
    assert "red.png" in above < names(every)
    assert names(ask(known, text="red", min_score="auto")) == above
    like = {"image_id": image_id(ORIGINAL)}
    found = ask(known, **like, min_score="auto")
    assert names(found) == {"original.png", "copy.jpg"}
    assert found["noise_threshold"] == pytest.approx(0.9)
    grouped = ask(known, **like, min_score="auto", group_duplicates="auto")
    assert names(grouped) == {"original.png"}


def test_several_terms_have_the_noise_of_all(known: FlaskClient) -> None:
    like = {"image_id": image_id(ORIGINAL)}
    both = ask(known, query=[{"text": "red"}, like])["noise_threshold"]
    assert 0.4 < both <= 1
    # Pushed away from red, the query is longer than its picture.
    away = ask(known, query=[like, {"text": "red", "weight": -1e-6}])["noise_threshold"]
    assert away == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("query", [[{"text": "red"}], [{"text": "red", "weight": -1}]])
def test_without_a_threshold_auto_is_refused(client: FlaskClient, query: list[Any]) -> None:
    index(client)
    refused = ask(client, query=query, min_score="auto")
    assert (refused["state"], refused["error"]["code"]) == ("failed", "no_threshold")
    assert "GLIMPSE_NOISE_TEXT" in refused["error"]["detail"]
    assert (refused["hits"], refused["noise_threshold"]) == ([], None)
    assert ask(client, query=query)["noise_threshold"] is None


def test_nothing_is_known_of_a_query_away_from_everything(known: FlaskClient) -> None:
    query = [{"text": "red", "weight": -1}]
    assert ask(known, query=query, min_score="auto")["error"]["code"] == "no_threshold"


@pytest.mark.parametrize("option", ["min_score", "group_duplicates"])
@pytest.mark.parametrize("value", ["automatic", "", "0.9"])
def test_no_other_word_is_a_limit(client: FlaskClient, option: str, value: str) -> None:
    response = client.post("/v1/searches", json={"text": "a", option: value})
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"].startswith(option)


def test_only_newer_workers_get_what_older_ones_cannot_read() -> None:
    def version(**options: Any) -> int:
        body = SearchBody.model_validate({"text": "red"} | options)
        return body.to_request("default").version

    assert version(min_score=0.5, group_duplicates=0.9) == 1
    assert version(min_score="auto") == version(group_duplicates="auto") == 2
