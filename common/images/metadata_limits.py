"""What an upload may keep beside its images, at most; filters ask for nothing else."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

# Tags of an image, and characters of one.
TAGS_MAX, TAG_CHARACTERS_MAX = 64, 128
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


# A tag, in uploads, filters and lists alike.
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TAG_CHARACTERS_MAX),
    AfterValidator(one_line),
    Field(json_schema_extra={"pattern": ONE_LINE}),
]
