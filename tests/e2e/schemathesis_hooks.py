"""Request bodies for schemathesis if a schema only says "bytes": pictures and archives."""

from __future__ import annotations

import gc
import json
import math
import re
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies as st

from api.uploads.begin_once import HEADER as IDEMPOTENCY_KEY
from api.uploads.begin_once import PATTERN
from common.filters.nesting import CONDITIONS_MAX, check_levels
from common.images.archive_formats import MEDIA_TYPES as ARCHIVES
from common.images.formats import MEDIA_TYPES as PICTURES
from common.images.formats import RAW_FORMATS
from tests.support.archives import archive_of
from tests.support.pictures import picture

# Hypothesis makes many objects, and what it and schemathesis keep is no garbage.
gc.freeze()
gc.set_threshold(10_000)

# Few and small; other tests cover their content.
_COLOURS = ("red", "green", "blue")

for kind, media_type in PICTURES.items():
    # Nothing here writes raw files; the API does not look into them.
    written = "JPEG" if kind in RAW_FORMATS else kind
    files = [picture(colour, media_format=written) for colour in _COLOURS]
    schemathesis.openapi.media_type(media_type, st.sampled_from(files))

for archive, media_types in ARCHIVES.items():
    members = [archive_of([(f"{colour}.png", picture(colour))], archive) for colour in _COLOURS]
    schemathesis.openapi.media_type(media_types[0], st.sampled_from(members))


# Conditions of a filter within a filter: one with operators, and one that has a type of its own.
_WITHIN = ("width", "tags")


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Bound filters within filters, and those of all requests but searches, to few conditions.

    The systematic phase would else repeat all of a filter's cases for each of `and`, `or` and
    `not`, and for each kind of request: most of all requests. The service validates all levels and
    kinds with the same model, and lists images for edits and refreshes as for a client.
    """
    schemas = raw_schema["components"]["schemas"]
    whole = schemas["Filter"]
    within = {name: whole["properties"][name] for name in _WITHIN}
    schemas["FilterWithin"] = {
        "type": "object",
        "properties": within,
        "additionalProperties": False,
    }
    bounded = {"$ref": "#/components/schemas/FilterWithin"}
    for name in ("and", "or"):
        whole["properties"][name]["items"] = bounded
        # As many as all conditions may be, and the coverage phase gives others beside them.
        del whole["properties"][name]["maxItems"]
    whole["properties"]["not"] = bounded
    for name in ("EditBody", "RefreshBody"):
        schemas[name]["properties"]["filter"]["anyOf"][0] = bounded
    for parameter in raw_schema["paths"]["/v1/images"]["get"]["parameters"]:
        if parameter["name"] == "filter":
            parameter["content"]["application/json"]["schema"] = bounded
    _lift_alternatives(raw_schema)


def _lift_alternatives(schema: Any) -> None:
    """Move `oneOf` out of `allOf`, which means the same: cases of it take far longer to generate.

    The document has it there for generators of clients.
    """
    if isinstance(schema, list):
        for each in schema:
            _lift_alternatives(each)
    elif isinstance(schema, dict):
        for each in schema.values():
            _lift_alternatives(each)
        parts = schema.get("allOf", ())
        lifted = [part for part in parts if set(part) == {"oneOf"}]
        if len(lifted) == 1 and "oneOf" not in schema:
            schema |= lifted[0]
            schema["allOf"] = [part for part in parts if part not in lifted]
            if not schema["allOf"]:
                del schema["allOf"]


@schemathesis.hook
def filter_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """Exclude what a schema cannot limit: the pixels of a sheet, and the size of a filter."""
    if not _fits(query.get("filter") if query else None):
        return False
    asked = {"columns": 5, "rows": 2, "tile": 150} | (query or {})
    sides = [asked[name] for name in ("columns", "rows", "tile", "tile")]
    if not all(isinstance(side, int) for side in sides):
        return True
    return math.prod(sides) <= 25_000_000


def _fits(wanted: Any) -> bool:
    """Return whether a filter of a query string, as JSON or parsed, is within its bounds."""
    if not isinstance(wanted, str):
        return _is_bounded(wanted)
    try:
        return _is_bounded(json.loads(wanted))
    except ValueError:
        return True


@schemathesis.hook
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:
    """Exclude filters that nest too deep: a schema cannot limit the levels of a recursive one."""
    if not isinstance(body, dict):
        return True
    search = body.get("search")
    found = [body.get("filter"), search.get("filter") if isinstance(search, dict) else None]
    return all(_is_bounded(each) for each in found)


def _is_bounded(wanted: Any) -> bool:
    try:
        check_levels(wanted)
    except ValueError:
        return False
    return not isinstance(wanted, dict) or _size(wanted) <= CONDITIONS_MAX


def _size(wanted: dict[str, Any]) -> int:
    """Return at least the number of conditions of a filter that is valid otherwise."""
    inner = [*_listed(wanted.get("and")), *_listed(wanted.get("or")), wanted.get("not")]
    return max(1, len(wanted)) + sum(_size(each) for each in inner if isinstance(each, dict))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, **kwargs: Any) -> None:
    """Make idempotency keys unique: a schema cannot express whether a key was used before."""
    key = case.headers.get(IDEMPOTENCY_KEY) if case.headers else None
    if key and re.fullmatch(PATTERN, key):
        case.headers[IDEMPOTENCY_KEY] = uuid.uuid4().hex
