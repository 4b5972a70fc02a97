"""Schemas of request bodies that a model alone cannot describe."""

from __future__ import annotations

from itertools import combinations

from pydantic import BaseModel

from api.http.operations import BINARY, Schema
from api.schemas.body import CheckBody, Metadata
from api.schemas.edit import ChangeBody, EditBody, RefreshBody
from api.schemas.embedding import PICTURES_MAX, EmbeddingsBody
from api.schemas.job import OpenJobBody
from api.schemas.model import ReindexBody, UseBody
from api.schemas.search import SearchBody
from common.images import archive_formats
from common.images.formats import MEDIA_TYPES

Bodies = dict[str, type[BaseModel] | Schema]

FORM = "multipart/form-data"
# Encoding of each form part, by its name.
FORM_ENCODING = {
    "file": {"contentType": ", ".join(sorted(MEDIA_TYPES.values()))},
    "metadata": {"contentType": "application/json"},
    "search": {"contentType": "application/json"},
    "embeddings": {"contentType": "application/json"},
}

# A form of pictures, and the metadata stored with each of them.
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
# Fields that say what a search looks for, with or without a picture.
_TARGETS = ("text", "image_id", "query")


def _all_of(*names: str) -> Schema:
    """Return the schema of objects in which all of these fields are present and not null."""
    return {
        "required": list(names),
        "properties": {name: {"not": {"type": "null"}} for name in names},
    }


# A form of one query picture, and optionally the rest of the search.
_PICTURE: Schema = {
    "type": "object",
    "properties": {
        "file": BINARY,
        "search": {
            "allOf": [{"$ref": f"#/components/schemas/{SearchBody.__name__}"}],
            "not": {"anyOf": [_all_of(*pair) for pair in combinations(_TARGETS, 2)]},
        },
    },
    "required": ["file"],
    "additionalProperties": False,
}
_TERMS_WITHOUT_PICTURE: Schema = {"items": {"properties": {"picture": {"type": "null"}}}}
# A search without a picture has exactly one of the fields, and no picture term.
_SEARCH: Schema = {
    "allOf": [
        {"$ref": f"#/components/schemas/{SearchBody.__name__}"},
        {"properties": {"query": _TERMS_WITHOUT_PICTURE}},
        {"oneOf": [_all_of(name) for name in _TARGETS]},
    ],
    "examples": [{"text": "a white dog"}],
}

# Without pictures, there must be inputs.
_EMBEDDINGS: Schema = {
    "allOf": [
        {"$ref": f"#/components/schemas/{EmbeddingsBody.__name__}"},
        {"required": ["inputs"], "properties": {"inputs": {"minItems": 1}}},
    ],
    "examples": [{"inputs": [{"text": "a white dog"}]}],
}
# A form of pictures to embed, and optionally the rest of the request.
_PICTURES_TO_EMBED: Schema = {
    "type": "object",
    "properties": {
        "file": {
            "description": "Pictures, embedded after the inputs.",
            "type": "array",
            "items": BINARY,
            "minItems": 1,
            "maxItems": PICTURES_MAX,
        },
        "embeddings": {"$ref": f"#/components/schemas/{EmbeddingsBody.__name__}"},
    },
    "required": ["file"],
    "additionalProperties": False,
}

# Request bodies of the operations.
UPLOAD: Bodies = {
    FORM: _PICTURES,
    **dict.fromkeys(sorted(MEDIA_TYPES.values()), BINARY),
    # The registered or usual name of each archive kind; its other names are accepted too.
    **dict.fromkeys((names[0] for names in archive_formats.MEDIA_TYPES.values()), BINARY),
}
SEARCH: Bodies = {"application/json": _SEARCH, FORM: _PICTURE}
EMBEDDINGS: Bodies = {"application/json": _EMBEDDINGS, FORM: _PICTURES_TO_EMBED}
CHANGE: Bodies = {"application/json": ChangeBody}
EDIT: Bodies = {"application/json": EditBody}
REFRESH: Bodies = {"application/json": RefreshBody}
OPEN_JOB: Bodies = {"application/json": OpenJobBody}
CHECK: Bodies = {"application/json": CheckBody}
USE: Bodies = {"application/json": UseBody}
REINDEX: Bodies = {"application/json": ReindexBody}
