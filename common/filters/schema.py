"""JSON Schema of the rules of filters that the models check in Python code.

The OpenAPI document is generated from the models and would otherwise lack these rules.
"""

from __future__ import annotations

from typing import Any

from common.images.formats import MEDIA_TYPES
from common.images.metadata_limits import KEY_CHARACTERS_MAX

# A single line of text, possibly empty.
ONE_LINE_OR_NONE = r"^[^\r\n]*$"
# Names without control characters.
NAME_PATTERN = r"^[^\x00-\x1f]+$"
# RFC 3339's date-time.
TIME_FORMAT = "date-time"
# The names of formats, case-insensitive; JSON Schema has no flag for that.
FORMAT_PATTERN = "^({})$".format(
    "|".join(
        "".join(f"[{letter}{letter.lower()}]" for letter in name) for name in sorted(MEDIA_TYPES)
    )
)

# Names of conditions on metadata.
_METADATA_KEY = rf"^metadata\.[\s\S]{{1,{KEY_CHARACTERS_MAX}}}$"


def needs_operator(schema: dict[str, Any]) -> None:
    """Require a condition to have at least one operator."""
    if "properties" in schema:
        schema["minProperties"] = 1
        _without_null(schema)


def named_metadata(schema: dict[str, Any]) -> None:
    """Declare each metadata key as a condition named ``metadata.KEY``."""
    gathered = schema["properties"].pop("metadata")
    schema["patternProperties"] = {_METADATA_KEY: gathered["additionalProperties"]}
    _without_null(schema)


def _without_null(schema: dict[str, Any]) -> None:
    """Remove null, by which the models mean what is left out, from the properties."""
    for each in schema["properties"].values():
        del each["default"]
        kinds = [kind for kind in each.pop("anyOf") if kind != {"type": "null"}]
        each |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
