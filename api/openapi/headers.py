"""Headers as described in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from api.uploads.begin_once import PATTERN as IDEMPOTENCY_KEY_PATTERN

# Response headers, by name.
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The request's id in the logs: the caller's, or a generated one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Glimpse-Scopes": {
        "description": "The caller's scopes; absent if the call needs none.",
        "schema": {"type": "string"},
        "example": "read write",
    },
    "Location": {
        "description": "URL of the job or search.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next request.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "ETag": {
        "description": "Version of the response; changes with its content.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "Whether and how long the response may be cached.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Accept-Ranges": {
        "description": "Range requests are supported.",
        "required": True,
        "schema": {"const": "bytes"},
    },
    "Content-Range": {
        "description": "The range of bytes in the response, and the total size.",
        "required": True,
        "schema": {"type": "string", "pattern": "^bytes [0-9]+-[0-9]+/[0-9]+$"},
    },
    "Idempotency-Replayed": {
        "description": "`true` if an earlier request with the key created the job.",
        "schema": {"const": "true"},
    },
    "Preference-Applied": {
        "description": "`wait` if the response was held until the hits were ready.",
        "schema": {"const": "wait"},
    },
}

# Request headers that routes read.
IF_NONE_MATCH = {
    "If-None-Match": {
        "description": "An `ETag`; the response is `304` if it still matches.",
        "schema": {"type": "string"},
    }
}
RANGE = {
    "Range": {
        "description": "`bytes=FIRST-LAST`: returns only these bytes; several ranges return all.",
        "schema": {"type": "string"},
        "example": "bytes=0-1023",
    },
    "If-Range": {
        "description": "An `ETag`; if it no longer matches, the response is the whole.",
        "schema": {"type": "string"},
    },
}
PREFER = {
    "Prefer": {
        "description": "`wait=SECONDS` (RFC 7240): hold the response until the hits are ready.",
        "schema": {"type": "string"},
        "example": "wait=5",
    }
}
IDEMPOTENCY_KEY = {
    "Idempotency-Key": {
        "description": "Makes retries idempotent: the same request and key return the same job.",
        "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
    }
}
