"""A test client that validates every response against the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from api.http.problems import MEDIA_TYPE
from api.openapi.document import build_document

# Methods that Flask handles implicitly.
_IMPLICIT = ("HEAD", "OPTIONS")
# Statuses whose problems name the invalid fields.
_INPUT_ERRORS = (400, 422)
# Key of an application's contract in its extensions.
_CONTRACT = "glimpse.test_contract"


class Contract:
    """The OpenAPI document of an application's routes, with the validators compiled from it."""

    def __init__(self, app: Flask) -> None:
        self.document = build_document(app)
        # By operation id.
        self.paths = {
            described["operationId"]: path
            for path in self.document["paths"].values()
            for described in path.values()
        }
        self._validators: dict[str, Any] = {}

    def validate(self, schema: dict[str, Any], value: object) -> None:
        """Validate a value against a schema of the document."""
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            self._validators[key] = validator
        self._validators[key].validate(value)


# Contracts by routes. Almost every test has an application of its own, all with the same routes,
# and building a document takes as long as a test.
_contracts: dict[frozenset[str], Contract] = {}


class ConformingClient(FlaskClient):
    """Fails the test on an undocumented response."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        check_answer(self.application, response)
        return response


def check_answer(app: Flask, response: TestResponse) -> None:
    """Validate one response of an application against its document."""
    request = response.request
    place = f"{request.method} {request.path} -> {response.status_code} {response.mimetype}"
    assert response.headers["X-Request-ID"], place
    if response.status_code >= 400:
        assert response.mimetype == MEDIA_TYPE, place
    if response.status_code >= 400 and request.method != "HEAD":
        validate(app, {"$ref": "#/components/schemas/Problem"}, response.get_json())
    if response.status_code in _INPUT_ERRORS and request.method != "HEAD":
        assert response.get_json()["errors"], f"{place}: no field is named"
    operation = _operation(app, request.method, request.environ)
    if operation is None:
        return
    reply = _followed(app, operation["responses"].get(str(response.status_code)))
    assert reply is not None, f"{place}: no such status is documented"
    for name, header in reply["headers"].items():
        assert name in response.headers or not header.get("required"), f"{place}: no {name}"
    _check_body(app, reply.get("content"), response, place)


def validate(app: Flask, schema: dict[str, Any], value: object) -> None:
    """Validate a value against a schema of an application's document."""
    _contract(app).validate(schema, value)


def document_of(app: Flask) -> dict[str, Any]:
    """Return the document of an application."""
    return _contract(app).document


def _contract(app: Flask) -> Contract:
    """Return the contract of an application, built once for all that have the same routes."""
    if _CONTRACT not in app.extensions:
        # A rule's text names its path, its methods and its endpoint.
        routes = frozenset(map(repr, app.url_map.iter_rules()))
        if routes not in _contracts:
            _contracts[routes] = Contract(app)
        app.extensions[_CONTRACT] = _contracts[routes]
    contract: Contract = app.extensions[_CONTRACT]
    return contract


def _check_body(app: Flask, content: Any, response: TestResponse, place: str) -> None:
    if content is None:
        assert not response.data, f"{place}: no body is documented"
        assert response.status_code == 304 or not response.mimetype, f"{place}: a type of nothing"
        return
    assert response.mimetype in content, f"{place}: no such media type is documented"
    if response.is_json:
        validate(app, content[response.mimetype]["schema"], response.get_json())


def _operation(app: Flask, method: str, environ: Any) -> dict[str, Any] | None:
    """Return the documented operation of the route that matches a request, or None."""
    if method in _IMPLICIT:
        return None
    urls = app.url_map.bind_to_environ(environ)
    try:
        rule, _ = urls.match(return_rule=True)
    except HTTPException:
        return None
    path = _contract(app).paths.get(rule.endpoint.replace(".", "_"), {})
    operation: dict[str, Any] | None = path.get(method.lower())
    return operation


def _followed(app: Flask, reply: dict[str, Any] | None) -> dict[str, Any] | None:
    if reply is None or "$ref" not in reply:
        return reply
    return document_of(app)["components"]["responses"][reply["$ref"].rsplit("/", 1)[1]]
