"""A test client that validates every response against the OpenAPI document."""

from __future__ import annotations

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
# Key of the cached document in an application's extensions.
_DOCUMENT = "glimpse.test_document"


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
    """Validate a value against a schema of the document."""
    components = document_of(app)["components"]
    whole = {**schema, "components": components}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(value)


def document_of(app: Flask) -> dict[str, Any]:
    """Return the document of an application, built once."""
    if _DOCUMENT not in app.extensions:
        app.extensions[_DOCUMENT] = build_document(app)
    document: dict[str, Any] = app.extensions[_DOCUMENT]
    return document


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
    for path in document_of(app)["paths"].values():
        for described in path.values():
            if described["operationId"] == rule.endpoint.replace(".", "_"):
                return described if method.lower() in path else None
    return None


def _followed(app: Flask, reply: dict[str, Any] | None) -> dict[str, Any] | None:
    if reply is None or "$ref" not in reply:
        return reply
    return document_of(app)["components"]["responses"][reply["$ref"].rsplit("/", 1)[1]]
