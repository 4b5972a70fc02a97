"""Headers as the OpenAPI document tells them."""

from __future__ import annotations

from typing import Any

from api.uploads.begin_once import PATTERN as IDEMPOTENCY_KEY_PATTERN

# Headers of answers, by their names.
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The request's id in the logs: the caller's own, or a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where the job or the search is.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "ETag": {
        "description": "Changes when the answer does.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "How long a cache may keep it.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Accept-Ranges": {
        "description": "That a part of it may be asked for.",
        "required": True,
        "schema": {"const": "bytes"},
    },
    "Content-Range": {
        "description": "Which bytes they are, of how many.",
        "required": True,
        "schema": {"type": "string", "pattern": "^bytes [0-9]+-[0-9]+/[0-9]+$"},
    },
    "Idempotency-Replayed": {
        "description": "`true`, where the key has begun this very job before.",
        "schema": {"const": "true"},
    },
    "Preference-Applied": {
        "description": "`wait`, where the caller's wish to wait was met.",
        "schema": {"const": "wait"},
    },
}

# Request headers that routes read.
IF_NONE_MATCH = {
    "If-None-Match": {
        "description": "An `ETag`: answered with `304` while it is the same.",
        "schema": {"type": "string"},
    }
}
RANGE = {
    "Range": {
        "description": "`bytes=FIRST-LAST`: only these bytes; several ranges give the whole.",
        "schema": {"type": "string"},
        "example": "bytes=0-1023",
    },
    "If-Range": {
        "description": "An `ETag`: the range is sent only while it is the same, else the whole.",
        "schema": {"type": "string"},
    },
}
PREFER = {
    "Prefer": {
        "description": "`wait=SECONDS` (RFC 7240): hold the answer until the hits are there.",
        "schema": {"type": "string"},
        "example": "wait=5",
    }
}
IDEMPOTENCY_KEY = {
    "Idempotency-Key": {
        "description": "The same key and the same request give the same job.",
        "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
    }
}
