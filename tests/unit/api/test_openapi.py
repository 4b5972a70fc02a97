"""The OpenAPI document: valid, complete, and consistent with the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask.testing import FlaskClient

from api.openapi.routes import OPERATIONS
from api.schemas.embedding import INPUTS_MAX
from api.schemas.search import SearchBody
from common import errors
from tests.support.conforming import document_of, validate
from tests.support.inline import Inline

# Methods that Flask answers on its own.
IMPLICIT = {"HEAD", "OPTIONS"}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert response.mimetype == "application/json"
    found: dict[str, Any] = response.get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_its_schemas_are_schemas_and_refer_to_nothing_that_is_not_there(
    document: dict[str, Any],
) -> None:
    for name in document["components"]["schemas"]:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        assert jsonschema_rs.meta.is_valid(document["components"]["schemas"][name])
        assert jsonschema_rs.Draft202012Validator(schema)


def test_defaults_and_examples_fit_their_schemas(inline: Inline, document: dict[str, Any]) -> None:
    given = [
        (each.get("schema", each), each[word])
        for each in objects(document)
        for word in ("default", "example")
        if word in each and not isinstance(each[word], dict)
    ]
    assert given
    assert not [pair for pair in given if not is_valid(inline, *pair)]


def test_no_alternatives_are_beside_properties(document: dict[str, Any]) -> None:
    # Generators of clients make a type of each alternative then, without the properties.
    found = [each for each in objects(document) if "oneOf" in each]
    assert found
    assert not [each for each in found if {"properties", "allOf"} & set(each)]


def test_no_default_is_sent_where_it_would_be_refused(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/v1/images"]["post"]["parameters"]
    (on_duplicate,) = [each for each in parameters if each["name"] == "on_duplicate"]
    assert "default" not in on_duplicate["schema"]


def test_every_route_is_in_it_and_nothing_else(inline: Inline, document: dict[str, Any]) -> None:
    routed = {
        (method.lower(), rule.endpoint.replace(".", "_"))
        for rule in inline.app.url_map.iter_rules()
        for method in (rule.methods or set()) - IMPLICIT
    }
    documented = {
        (label.split()[0].lower(), operation["operationId"])
        for label, operation in operations(document)
    }
    assert documented == routed
    assert {endpoint.replace(".", "_") for endpoint in OPERATIONS} == {name for _, name in routed}


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for label, operation in operations(document):
        assert operation["summary"].endswith("."), label


def test_every_error_is_one_kind_of_problem(inline: Inline, document: dict[str, Any]) -> None:
    for label, operation in operations(document):
        for status, reply in operation["responses"].items():
            if int(status) >= 400:
                assert reply == {"$ref": f"#/components/responses/Problem{status}"}, label
    for reply in document["components"]["responses"].values():
        schema = reply["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


def test_it_knows_every_code_of_the_tree(document: dict[str, Any]) -> None:
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert {
        *(errors.InvalidRequest.code, errors.NotFound.code, errors.BrokerUnavailable.code),
        *(errors.BlobsFull.code, errors.Overloaded.code, errors.TooManyPixels.code),
        *("method_not_allowed", "not_ready", "uri_too_long"),
    } <= set(codes)
    assert errors.InvalidSettings.code not in codes


def test_it_is_sent_once(client: FlaskClient) -> None:
    response = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


FILTERS = [
    ({"tags": {"any": ["dog"], "none": ["draft"]}}, True),
    ({"tags": {}}, False),
    ({"tags": {"any": []}}, False),
    ({"tags": {"any": None}}, False),
    ({"tags": {"any": None, "all": ["a"]}}, False),
    ({"tags": {"any": ["a\nb"]}}, False),
    ({"tags": ["dog"]}, False),
    ({"tags": None}, False),
    ({"width": 640}, True),
    ({"width": {"gte": 640, "lt": None}}, False),
    ({"width": {"gte": "640"}}, False),
    ({"width": {"gte": 640.0, "in": [640.0]}}, True),
    ({"width": 640.5}, False),
    ({"width": True}, False),
    ({"width": 2**53 + 1}, False),
    ({"format": "jpeg"}, True),
    ({"format": {"in": ["PNG", "SVG"]}}, False),
    ({"filename": {"prefix": "a/"}}, True),
    ({"filename": "a\u0000"}, False),
    ({"filename": {"contains": "a_%"}}, True),
    ({"filename": {"contains": ""}}, False),
    ({"metadata.album": {"contains": "a"}}, True),
    ({"metadata.album": {"contains": None}}, False),
    ({"metadata.album": {"contains": 5}}, False),
    ({"metadata.album": {"contains": "a\nb"}}, False),
    ({"indexed_at": {"gte": "2026-01-31T12:00:00Z"}}, True),
    ({"indexed_at": {"gte": "yesterday"}}, False),
    ({"indexed_at": "2026-01-31T12:00:00Z"}, False),
    ({"taken_at": {"lt": "2026-01-31T12:00:00+01:00"}}, True),
    ({"taken_at": {"lt": "2026-01-31"}}, False),
    ({"camera": "canon eos 5D"}, True),
    ({"camera": {"prefix": "Canon", "in": ["Canon"]}}, True),
    ({"camera": {"gt": "Canon"}}, False),
    ({"near": {"latitude": 48.1, "longitude": -180, "km": 5}}, True),
    ({"near": {"latitude": 48.1, "longitude": -180}}, False),
    ({"near": {"latitude": 90.5, "longitude": 0, "km": 5}}, False),
    ({"near": {"latitude": 0, "longitude": 0, "km": 0}}, False),
    ({"near": {"latitude": 0, "longitude": 0, "km": None}}, False),
    ({"metadata.album": "x"}, True),
    ({"metadata.album": ""}, True),
    ({"metadata.year": {"gte": 2000}}, True),
    ({"metadata.own": {"gte": True}}, False),
    ({"metadata.own": None}, False),
    ({"metadata.own": ["x"]}, False),
    ({"metadata.": "x"}, False),
    ({f"metadata.{'k' * 65}": "x"}, False),
    ({"metadata": {"album": "x"}}, False),
    ({"colour": "red"}, False),
    ({"and": [{"width": 640}], "or": [{"height": 1}, {"not": {"tags": {"any": ["a"]}}}]}, True),
    ({"or": [{}]}, True),
    ({"or": None}, False),
    ({"not": None}, False),
    ({"camera": None}, False),
    ({"or": []}, False),
    ({"or": {"width": 640}}, False),
    ({"or": [{"width": "640"}]}, False),
    ({"not": [{"width": 640}]}, False),
    ({"not": {"colour": "red"}}, False),
    ({"all_of": [{"width": 640}]}, False),
]


@pytest.mark.parametrize(("asked", "good"), FILTERS, ids=lambda value: str(value)[:40])
def test_the_document_and_the_code_agree_on_filters(
    client: FlaskClient, inline: Inline, asked: dict[str, Any], good: bool
) -> None:
    body = {"text": "a dog", "filter": asked}
    assert accepts(inline, "SearchBody", body) == good
    assert client.post("/v1/searches", json=body).status_code == (202 if good else 422)


SEARCHES = [
    ({"text": "a dog"}, True),
    ({"text": " "}, False),
    ({"text": "a", "image_id": None}, True),
    ({"text": "a", "image_id": "0" * 64}, False),
    ({"image_id": "0" * 63}, False),
    ({"query": []}, False),
    ({"query": [{"text": "a"}, {"image_id": "0" * 64, "weight": -1}]}, True),
    ({"query": [{"text": "a", "image_id": "0" * 64}]}, False),
    ({"query": [{"picture": True}]}, False),
    ({"query": [{"picture": True}], "image_id": "0" * 64}, False),
    ({"query": [{}]}, False),
    ({"text": "a", "top_k": 0}, False),
    ({"text": "a", "top_k": "5"}, False),
    ({"text": "a", "top_k": 5.0, "offset": 1e1}, True),
    ({"text": "a", "top_k": 5.5}, False),
    ({"text": "a", "top_k": 1e300}, False),
    ({"text": "a", "min_score": 2}, False),
    ({}, False),
    ({"text": "a", "colour": "red"}, False),
    ([], False),
]


@pytest.mark.parametrize(("body", "good"), SEARCHES, ids=lambda value: str(value)[:40])
def test_the_document_and_the_code_agree_on_searches(
    client: FlaskClient, inline: Inline, body: Any, good: bool
) -> None:
    operation = document_of(inline.app)["paths"]["/v1/searches"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert is_valid(inline, schema, body) == good
    assert client.post("/v1/searches", json=body).status_code == (202 if good else 422)


EMBEDDINGS = [
    ({"inputs": [{"text": "a dog"}, {"text": "a", "image_id": None}]}, True),
    ({"inputs": [{"text": "a dog"}], "encoding_format": "base64"}, True),
    ({"inputs": [{"text": "a dog"}] * INPUTS_MAX}, True),
    ({"inputs": [{"text": "a dog"}] * (INPUTS_MAX + 1)}, False),
    ({"inputs": [{"text": "a dog"}], "encoding_format": None}, False),
    ({"inputs": [{"text": " "}]}, False),
    ({"inputs": [{"text": "a", "image_id": "0" * 64}]}, False),
    ({"inputs": [{"image_id": "0" * 63}]}, False),
    ({"inputs": [{"text": "a", "weight": 1}]}, False),
    ({"inputs": [{}]}, False),
    ({"inputs": []}, False),
    ({"inputs": None}, False),
    ({"encoding_format": "float"}, False),
    ({}, False),
    ([], False),
]


@pytest.mark.parametrize(("body", "good"), EMBEDDINGS, ids=lambda value: str(value)[:40])
def test_the_document_and_the_code_agree_on_embeddings(
    client: FlaskClient, inline: Inline, body: Any, good: bool
) -> None:
    operation = document_of(inline.app)["paths"]["/v1/embeddings"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert is_valid(inline, schema, body) == good
    assert client.post("/v1/embeddings", json=body).status_code == (200 if good else 422)


def test_the_model_of_a_search_is_in_the_document(document: dict[str, Any]) -> None:
    described = document["components"]["schemas"][SearchBody.__name__]
    assert set(described["properties"]) == set(SearchBody.model_fields)


def objects(value: object) -> Iterator[dict[str, Any]]:
    """Return all objects within a JSON document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from objects(each)


def accepts(inline: Inline, name: str, value: object) -> bool:
    return is_valid(inline, {"$ref": f"#/components/schemas/{name}"}, value)


def is_valid(inline: Inline, schema: dict[str, Any], value: object) -> bool:
    try:
        validate(inline.app, schema, value)
    except jsonschema_rs.ValidationError:
        return False
    return True
