"""What may be kept beside an image: tags, keys and values, and how many; filters agree with it."""

from __future__ import annotations

import sys
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

# Tags of an image, and characters of one.
TAGS_MAX, TAG_CHARACTERS_MAX = 64, 128
# Keys of the caller's own of an image, and bytes of all of them as JSON; the store takes 65,536.
KEYS_MAX, METADATA_BYTES_MAX = 64, 32 * 1024
# Characters of a key of the caller's own, and of a text in it.
KEY_CHARACTERS_MAX, VALUE_CHARACTERS_MAX = 64, 1024
# Largest whole number that a double holds exactly, and so JSON does.
INTEGER_MAX = 2**53

# One line of text, for JSON Schema, which cannot express the checks below.
ONE_LINE = r"^[^\r\n]+$"


def encodable(text: str) -> str:
    """Refuse text that cannot be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("give valid Unicode text, without lone surrogates") from None
    return text


def one_line(text: str) -> str:
    """Refuse line breaks, which not every Milvus accepts in an expression."""
    if "\n" in text or "\r" in text:
        raise ValueError("give one line, without line breaks")
    return encodable(text)


def check_value(value: object) -> str | int | float | bool:
    """Return a value of a key; one check for all its types gives one error, not four.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, str):
        if len(value) > VALUE_CHARACTERS_MAX:
            raise ValueError(f"give a string of at most {VALUE_CHARACTERS_MAX} characters")
        return encodable(value)
    if not isinstance(value, int | float):
        raise ValueError("give a string, a number or a boolean")  # noqa: TRY004 - pydantic's
    # JSON writes whole numbers of any length; larger ones than this are no doubles.
    if not abs(value) <= sys.float_info.max:
        raise ValueError("give a finite number")
    return value


# A tag, in uploads, filters and lists alike.
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TAG_CHARACTERS_MAX),
    AfterValidator(one_line),
    Field(json_schema_extra={"pattern": ONE_LINE}),
]
# A key of the caller's own, in uploads and filters.
OwnKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=KEY_CHARACTERS_MAX),
    AfterValidator(encodable),
]
# What a value may be, for JSON Schema: ``check_value`` is a function.
Text = Annotated[str, StringConstraints(max_length=VALUE_CHARACTERS_MAX)]
Whole = Annotated[int, Field(ge=-INTEGER_MAX, le=INTEGER_MAX)]
