"""Limits of tags and metadata, which uploads, filters and lists share."""

from __future__ import annotations

import sys
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

# Maximum number of tags per image, and of characters per tag.
TAGS_MAX, TAG_CHARACTERS_MAX = 64, 128
# Maximum number of metadata keys per image, and size of all metadata as JSON, in bytes. The store
# accepts 65,536 bytes.
KEYS_MAX, METADATA_BYTES_MAX = 64, 32 * 1024
# Maximum number of characters of a metadata key, and of a string value.
KEY_CHARACTERS_MAX, VALUE_CHARACTERS_MAX = 64, 1024
# Maximum number of earlier file names kept of an image, and their size in bytes: a row's dynamic
# fields may take 65,536 bytes, and most of them are its photo info's.
FILENAMES_MAX, FILENAMES_BYTES_MAX = 8, 8 * 1024
# Largest integer that a double, and therefore JSON, represents exactly.
INTEGER_MAX = 2**53

# A single line of text, for JSON Schema, which cannot express the checks below.
ONE_LINE = r"^[^\r\n]+$"


def encodable(text: str) -> str:
    """Reject text that cannot be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("give valid Unicode text, without lone surrogates") from None
    return text


def one_line(text: str) -> str:
    """Reject line breaks, which some versions of Milvus do not accept in an expression."""
    if "\n" in text or "\r" in text:
        raise ValueError("give one line, without line breaks")
    return encodable(text)


def check_value(value: object) -> str | int | float | bool:
    """Check a metadata value; one check of all types reports one error instead of four.

    Raises:
        ValueError: The value is not acceptable.
    """
    if isinstance(value, str):
        if len(value) > VALUE_CHARACTERS_MAX:
            raise ValueError(f"give a string of at most {VALUE_CHARACTERS_MAX} characters")
        return encodable(value)
    if not isinstance(value, int | float):
        raise ValueError("give a string, a number or a boolean")  # noqa: TRY004 - pydantic's
    # JSON allows integers of any length; larger ones than this do not fit a double.
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
# A metadata key, in uploads and filters.
OwnKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=KEY_CHARACTERS_MAX),
    AfterValidator(encodable),
]
# Types of a value, for JSON Schema, which cannot express ``check_value``.
Text = Annotated[str, StringConstraints(max_length=VALUE_CHARACTERS_MAX)]
Whole = Annotated[int, Field(ge=-INTEGER_MAX, le=INTEGER_MAX)]
