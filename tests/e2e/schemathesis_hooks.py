"""What schemathesis sends where a schema says no more than "bytes": pictures and archives."""

from __future__ import annotations

import math
import re
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies as st

from api.uploads.begin_once import HEADER as IDEMPOTENCY_KEY
from api.uploads.begin_once import PATTERN
from common.images.archive_formats import MEDIA_TYPES as ARCHIVES
from common.images.formats import MEDIA_TYPES as PICTURES
from tests.support.archives import archive_of
from tests.support.pictures import picture

# Few and small: what is in them is other tests' business.
_COLOURS = ("red", "green", "blue")

for kind, media_type in PICTURES.items():
    files = [picture(colour, media_format=kind) for colour in _COLOURS]
    schemathesis.openapi.media_type(media_type, st.sampled_from(files))

for archive, media_types in ARCHIVES.items():
    members = [archive_of([(f"{colour}.png", picture(colour))], archive) for colour in _COLOURS]
    schemathesis.openapi.media_type(media_types[0], st.sampled_from(members))


@schemathesis.hook
def filter_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """Leave out sheets of too many pixels: a product is no matter of a schema."""
    asked = {"columns": 5, "rows": 2, "tile": 150} | (query or {})
    sides = [asked[name] for name in ("columns", "rows", "tile", "tile")]
    if not all(isinstance(side, int) for side in sides):
        return True
    return math.prod(sides) <= 25_000_000


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, **kwargs: Any) -> None:
    """Let no two requests bear the same key: whether it came before is no matter of a schema."""
    key = case.headers.get(IDEMPOTENCY_KEY) if case.headers else None
    if key and re.fullmatch(PATTERN, key):
        case.headers[IDEMPOTENCY_KEY] = uuid.uuid4().hex
