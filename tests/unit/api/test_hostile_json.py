"""Malformed JSON values in every field: each is refused by name, and none causes a 500."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.schemas.body import CheckBody, Metadata
from api.schemas.embedding import EmbeddingsBody
from api.schemas.search import SearchBody
from common.filters.model import Filter
from common.settings import load_settings
from tests.support.inline import start_inline
from tests.support.pictures import picture

ID = "0" * 64
# A body with a valid value in every field.
GOOD_SEARCH: dict[str, Any] = {
    "query": [{"text": "a dog", "weight": 1.5}, {"image_id": ID, "weight": -1}],
    "top_k": 5,
    "offset": 1,
    "min_score": 0.5,
    "group_duplicates": 0.9,
    "filter": {
        "id": {"eq": ID, "in": [ID], "prefix": "0"},
        "tags": {"any": ["a"], "all": ["b"], "none": ["c"]},
        "width": {"gte": 1, "lt": 9, "gt": 0, "lte": 8, "eq": 5, "in": [5]},
        "height": {"gte": 1},
        "bytes": {"gte": 1},
        "format": {"eq": "PNG", "in": ["PNG"]},
        "filename": {"eq": "a", "in": ["a"], "prefix": "a", "contains": "a"},
        "indexed_at": {"gte": "2026-01-31T12:00:00Z", "lt": "2027-01-31T12:00:00Z"},
        "taken_at": {"gte": "2026-01-31T12:00:00Z", "lt": "2027-01-31T12:00:00Z"},
        "camera": {"eq": "Canon EOS 5D", "in": ["Canon EOS 5D"], "prefix": "canon"},
        "near": {"latitude": 48.14, "longitude": 11.58, "km": 5},
        "metadata.album": {"eq": "x", "in": ["x"], "gte": "a", "lt": "z", "contains": "x"},
        "and": [{"width": 5}],
        "or": [{}],
        "not": {"height": 5},
    },
}
GOOD_CHECK: dict[str, Any] = {"ids": [ID], "filenames": ["album/dog.jpg"]}
GOOD_EMBEDDINGS: dict[str, Any] = {"inputs": [{"text": "a dog"}], "encoding_format": "base64"}
# A value of every JSON type, and edge cases of each.
WRONG = [
    *("", "\u0000", "a" * 5000, "\u202egnp.exe", "\ud800"),
    *(-1, 10**30, 1.5, 1e308, True, False),
    *([], [[]], [None], {}, {"": ""}, {"$ne": None}, {"eq": {"eq": {}}}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value within a value, outermost first."""
    yield path
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in inner:
            yield from places(each, (*path, key))


def put(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    """Return a copy of the value, with ``wrong`` at the path."""
    if not path:
        return wrong
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = put(copied[path[0]], path[1:], wrong)
    return copied


def label(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path)) or "body"


def test_the_good_search_has_every_field() -> None:
    own = {"metadata.album"}
    fields = {field.alias or name for name, field in Filter.model_fields.items()}
    assert set(GOOD_SEARCH) | {"text", "image_id"} == set(SearchBody.model_fields)
    assert set(GOOD_SEARCH["filter"]) - own == fields - {"metadata"}
    assert set(GOOD_CHECK) == set(CheckBody.model_fields)
    assert set(GOOD_EMBEDDINGS) == set(EmbeddingsBody.model_fields)


def test_what_is_good_is_taken(client: FlaskClient) -> None:
    assert client.post("/v1/searches", json=GOOD_SEARCH).status_code == 202
    assert client.post("/v1/images/check", json=GOOD_CHECK).status_code == 200
    assert client.post("/v1/embeddings", json=GOOD_EMBEDDINGS).status_code == 200


@pytest.mark.parametrize("path", list(places(GOOD_SEARCH)), ids=label)
def test_a_search_is_taken_or_refused_by_name(client: FlaskClient, path: tuple[Any, ...]) -> None:
    for wrong in WRONG:
        response = client.post("/v1/searches", json=put(GOOD_SEARCH, path, wrong))
        assert response.status_code in (202, 422), wrong
        if response.status_code == 422:
            assert response.get_json()["errors"]


@pytest.mark.parametrize("path", list(places(GOOD_CHECK)), ids=label)
def test_a_check_is_taken_or_refused_by_name(client: FlaskClient, path: tuple[Any, ...]) -> None:
    for wrong in WRONG:
        response = client.post("/v1/images/check", json=put(GOOD_CHECK, path, wrong))
        assert response.status_code in (200, 422), wrong


@pytest.mark.parametrize("path", list(places(GOOD_EMBEDDINGS)), ids=label)
def test_inputs_are_taken_or_refused_by_name(client: FlaskClient, path: tuple[Any, ...]) -> None:
    for wrong in WRONG:
        response = client.post("/v1/embeddings", json=put(GOOD_EMBEDDINGS, path, wrong))
        assert response.status_code in (200, 422), wrong


@pytest.mark.parametrize("wrong", [*WRONG, None], ids=lambda value: repr(value)[:20])
def test_metadata_is_taken_or_refused(client: FlaskClient, wrong: Any) -> None:
    for metadata in (wrong, {"tags": wrong}, {"tags": [wrong]}, {"own": wrong}):
        response = upload(client, json.dumps(metadata))
        assert response.status_code in (202, 422), metadata


BROKEN = [
    *("[" * 100_000, '{"a":' * 100_000, '{"text": ' + "[" * 5000 + "]" * 5000 + "}"),
    *('{"text": NaN}', '{"top_k": Infinity}', '{"top_k": ' + "9" * 10_000 + "}"),
    *('{"min_score": 1e999, "text": "a"}', '{"text": "a", "text": ', "\x00", "\ufeff{}"),
    *('{"text": "\\ud800"}', '{"\\ud800": 1}', "null", '"text"', "1", ""),
]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
def test_broken_json_is_refused(client: FlaskClient, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    for place in ("/v1/searches", "/v1/images/check", "/v1/embeddings"):
        response = client.post(place, data=data, content_type="application/json")
        assert response.status_code in (400, 422), place
    assert upload(client, text).status_code in (202, 400, 422)


def test_json_in_another_encoding_is_refused(client: FlaskClient) -> None:
    data = '{"text": "ä"}'.encode("latin-1")
    response = client.post("/v1/searches", data=data, content_type="application/json")
    assert (response.status_code, response.get_json()["code"]) == (400, "invalid_request")


def test_json_is_not_read_without_an_end() -> None:
    inline = start_inline(load_settings({}))
    response = inline.app.test_client().post(
        "/v1/searches", data=b" " * (4 * 1024**2 + 1), content_type="application/json"
    )
    assert (response.status_code, response.get_json()["code"]) == (413, "too_large")
    inline.close()


def test_metadata_has_bounds(client: FlaskClient) -> None:
    many = {f"key{number}": "x" * 1000 for number in range(64)}
    assert upload(client, json.dumps(many)).status_code == 422
    assert set(Metadata.model_fields) == {"tags"}


def upload(client: FlaskClient, metadata: str) -> TestResponse:
    data = {"file": (io.BytesIO(picture()), "a.png"), "metadata": metadata}
    return client.post("/v1/images", data=data)
