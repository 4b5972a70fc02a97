"""Bodies that routes read, where a model alone does not say all of it."""

from __future__ import annotations

from itertools import combinations

from pydantic import BaseModel

from api.http.operations import BINARY, Schema
from api.schemas.body import CheckBody, Metadata
from api.schemas.search import SearchBody
from common.images import archive_formats
from common.images.formats import MEDIA_TYPES

Bodies = dict[str, type[BaseModel] | Schema]

FORM = "multipart/form-data"
# What is in each part of a form, by the parts' names.
FORM_ENCODING = {
    "file": {"contentType": ", ".join(sorted(MEDIA_TYPES.values()))},
    "metadata": {"contentType": "application/json"},
    "search": {"contentType": "application/json"},
}

# A form of pictures, and what is kept beside all of them.
_PICTURES: Schema = {
    "type": "object",
    "properties": {
        "file": {
            "description": "Pictures, each with its file name.",
            "type": "array",
            "items": BINARY,
            "minItems": 1,
        },
        "metadata": {"$ref": f"#/components/schemas/{Metadata.__name__}"},
    },
    "required": ["file"],
    "additionalProperties": False,
}
# What a search may ask for beside a picture, or without one.
_ASKED = ("text", "image_id", "query")


def _all_of(*names: str) -> Schema:
    """Return the schema of objects that have all of these fields, none of them null."""
    return {
        "required": list(names),
        "properties": {name: {"not": {"type": "null"}} for name in names},
    }


# A form of one picture to search by, and what else is asked.
_PICTURE: Schema = {
    "type": "object",
    "properties": {
        "file": BINARY,
        "search": {
            "allOf": [{"$ref": f"#/components/schemas/{SearchBody.__name__}"}],
            "not": {"anyOf": [_all_of(*pair) for pair in combinations(_ASKED, 2)]},
        },
    },
    "required": ["file"],
    "additionalProperties": False,
}
_TERMS_WITHOUT_PICTURE: Schema = {"items": {"properties": {"picture": {"type": "null"}}}}
# A search without a picture asks for exactly one thing, and names no picture.
_SEARCH: Schema = {
    "allOf": [
        {"$ref": f"#/components/schemas/{SearchBody.__name__}"},
        {"properties": {"query": _TERMS_WITHOUT_PICTURE}},
    ],
    "oneOf": [_all_of(name) for name in _ASKED],
    "examples": [{"text": "a white dog"}],
}

# Bodies of each operation that reads one.
UPLOAD: Bodies = {
    FORM: _PICTURES,
    **dict.fromkeys(sorted(MEDIA_TYPES.values()), BINARY),
    # Of each kind its registered or usual name; others are read as well.
    **dict.fromkeys((names[0] for names in archive_formats.MEDIA_TYPES.values()), BINARY),
}
SEARCH: Bodies = {"application/json": _SEARCH, FORM: _PICTURE}
CHECK: Bodies = {"application/json": CheckBody}
