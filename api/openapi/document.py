"""Generates the OpenAPI 3.1 document of an application's routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from itertools import chain
from typing import Any

from flask import Flask
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from werkzeug.routing import Rule

from api.http.operations import Model, Operation, Reply, Schema
from api.http.problems import MEDIA_TYPE
from api.openapi.bodies import FORM, FORM_ENCODING
from api.openapi.headers import HEADERS
from api.openapi.routes import OPERATIONS
from api.schemas.body import Metadata
from api.schemas.embedding import EmbeddingsBody
from api.schemas.problem import Problem
from api.schemas.search import SearchBody
from common.ids import IMAGE_ID, RECORD_ID

# Reference to a schema within the document.
_SCHEMAS = "#/components/schemas/{model}"
# Methods that Flask adds to every route.
_IMPLICIT = frozenset({"HEAD", "OPTIONS"})
# Headers of every response.
_HEADERS_ALWAYS = ("X-Request-ID", "Glimpse-Scopes")
# Errors of every route, and additional errors of every route below ``/v1/``.
_ERRORS_ALWAYS = (400, 500)
_ERRORS_OF_API = (401, 403, 422, 429, 503)
_API = "/v1/"
# Additional errors of every route that reads a body.
_ERRORS_OF_BODIES = (408,)
# Statuses whose responses carry ``Retry-After``.
_RETRIED = frozenset({409, 429, 503, 507})
# Schemas of path parameters, by Flask converter.
_PATH_SCHEMAS: dict[str, Schema] = {
    "image_id": {"type": "string", "pattern": f"^{IMAGE_ID}$"},
    "record_id": {"type": "string", "pattern": f"^{RECORD_ID}$"},
    "path": {"type": "string", "minLength": 1},
    "default": {"type": "string", "minLength": 1},
}
_PATH_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")

_ABOUT = """\
Find pictures by their content. Slow work is queued: an upload returns a job and a search returns a
search resource; poll either until it is done.

Every error is `application/problem+json` (RFC 9457) with a stable `code`. This includes malformed
HTTP requests, such as a request line or headers that are too long (`414`, `431`) or arrive too
slowly (`408`).
"""


class _Schemas(GenerateJsonSchema):
    """Generates schemas without titles, which would only repeat the field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: no field has a title."""
        del schema
        return False


def build_document(app: Flask) -> dict[str, Any]:
    """Return the document of an application's routes.

    Raises:
        KeyError: A route's operation is not described in ``api.openapi.routes``.
    """
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - _IMPLICIT):
            summary = (view.__doc__ or "").strip().partition("\n")[0]
            path_item = paths.setdefault(_path(rule), {})
            path_item[method.lower()] = _operation(rule, OPERATIONS[rule.endpoint], summary)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Glimpse", "version": version("glimpse"), "description": _ABOUT},
        # In the order of the table: the main resources first.
        "tags": [
            {"name": name} for name in dict.fromkeys(each.tag for each in OPERATIONS.values())
        ],
        "paths": paths,
        "components": {
            "schemas": dict(_schemas()),
            "responses": _problems(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _path(rule: Rule) -> str:
    return _PATH_PARAMETER.sub(r"{\2}", rule.rule)


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Return who may call a route: anyone, or a key's holder if it needs a scope.

    The key is optional, because a service without keys is open to its own machine.
    """
    return [{}, {"key": []}] if operation.scope else []


def _operation(rule: Rule, operation: Operation, summary: str) -> dict[str, Any]:
    parameters = [*_in_path(rule), *_in_query(operation), *_in_header(operation)]
    described: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [operation.tag],
        "summary": summary,
        "security": _security(operation),
        "parameters": parameters,
        "responses": dict(_responses(rule, operation)),
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
    return described


def _in_path(rule: Rule) -> Iterator[dict[str, Any]]:
    for converter, name in _PATH_PARAMETER.findall(rule.rule):
        schema = _PATH_SCHEMAS[converter or "default"]
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    whole = operation.query.model_json_schema(schema_generator=_Schemas, ref_template=_SCHEMAS)
    for name, schema in whole["properties"].items():
        is_required = name in whole.get("required", ())
        parameter = {"name": name, "in": "query", "required": is_required}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        sent = _sent(schema)
        if "contentSchema" in sent:
            content = {sent["contentMediaType"]: {"schema": sent["contentSchema"]}}
            yield parameter | {"content": content}
        else:
            yield parameter | {"schema": sent}


def _sent(schema: Schema) -> Schema:
    """Return the schema of a query parameter, which may be absent but never null."""
    options = [option for option in schema.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        schema |= options[0]
    if schema.get("default", 0) is None:
        del schema["default"]
    return schema


def _in_header(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, rest in operation.headers.items():
        yield {"name": name, "in": "header", "required": False, **rest}


def _responses(rule: Rule, operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, reply in operation.replies.items():
        yield str(status), _reply(reply)
    of_api = _ERRORS_OF_API if rule.rule.startswith(_API) else ()
    of_body = _ERRORS_OF_BODIES if operation.body else ()
    for status in sorted({*_ERRORS_ALWAYS, *of_api, *of_body, *operation.errors}):
        yield str(status), {"$ref": f"#/components/responses/Problem{status}"}


def _problems() -> dict[str, dict[str, Any]]:
    """Return the response of every error, by the name used in references."""
    of_routes = (operation.errors for operation in OPERATIONS.values())
    of_all = (*_ERRORS_ALWAYS, *_ERRORS_OF_API, *_ERRORS_OF_BODIES)
    statuses = {*of_all, *chain.from_iterable(of_routes)}
    return {f"Problem{status}": _problem(status) for status in sorted(statuses)}


def _problem(status: int) -> dict[str, Any]:
    headers = ("Retry-After",) if status in _RETRIED else ()
    return _reply(Reply(HTTPStatus(status).phrase, {MEDIA_TYPE: Problem}, headers))


def _reply(reply: Reply) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": reply.description,
        "headers": {name: HEADERS[name] for name in (*_HEADERS_ALWAYS, *reply.headers)},
    }
    if reply.content:
        described["content"] = _content(reply.content)
    return described


def _content(bodies: Any) -> dict[str, Any]:
    content = {kind: {"schema": _schema(body)} for kind, body in bodies.items()}
    if FORM in content:
        parts = content[FORM]["schema"]["properties"]
        # Parts in a list may have different types; each part declares its own.
        single = [name for name, part in parts.items() if part.get("type") != "array"]
        content[FORM]["encoding"] = {name: FORM_ENCODING[name] for name in single}
    return content


def _schema(body: Model | Schema) -> Schema:
    return body if isinstance(body, dict) else {"$ref": _SCHEMAS.format(model=body.__name__)}


@cache
def _schemas() -> dict[str, Schema]:
    """Return the schemas of all models that operations refer to, and of their nested models."""
    models: list[Model] = [
        Problem,
        SearchBody,
        EmbeddingsBody,
        Metadata,
        *_models(OPERATIONS.values()),
    ]
    _, found = TypeAdapter.json_schemas(
        [(model.__name__, "validation", TypeAdapter(model)) for model in dict.fromkeys(models)],
        ref_template=_SCHEMAS,
        schema_generator=_Schemas,
    )
    schemas: dict[str, Schema] = found["$defs"]
    return schemas


def _models(operations: Iterable[Operation]) -> Iterator[Model]:
    for operation in operations:
        for content in (operation.body, *(reply.content for reply in operation.replies.values())):
            for body in content.values():
                if not isinstance(body, dict):
                    yield body
