"""Filters as JSON Schema sees them: what pydantic checks in code, said again for the document.

The OpenAPI document is made from the models. These are the rules that are Python
functions there and would be missing in it.
"""

from __future__ import annotations

from typing import Any

from common.images.formats import MEDIA_TYPES
from common.images.metadata_limits import KEY_CHARACTERS_MAX

# Texts of one line, which may be empty.
ONE_LINE_OR_NONE = r"^[^\r\n]*$"
# Names without control characters.
NAME_PATTERN = r"^[^\x00-\x1f]+$"
# RFC 3339's date-time.
TIME_FORMAT = "date-time"
# The names of formats, in capitals or not; JSON Schema knows no flag for that.
FORMAT_PATTERN = "^({})$".format(
    "|".join(
        "".join(f"[{letter}{letter.lower()}]" for letter in name) for name in sorted(MEDIA_TYPES)
    )
)

# What the names of conditions on metadata begin with, and the characters of a key.
_METADATA_KEY = rf"^metadata\.[\s\S]{{1,{KEY_CHARACTERS_MAX}}}$"


def asks_something(schema: dict[str, Any]) -> None:
    """Say of a condition that at least one of its operators is there, and is not null."""
    properties = schema.get("properties")
    if properties:
        # Not an alternative for each: schemathesis damages one and takes the whole for wrong.
        schema["not"] = {"properties": {name: {"type": "null"} for name in properties}}


def named_metadata(schema: dict[str, Any]) -> None:
    """Say that each key of metadata is a condition of its own, named ``metadata.KEY``."""
    gathered = schema["properties"].pop("metadata")
    schema["patternProperties"] = {_METADATA_KEY: gathered["additionalProperties"]}
