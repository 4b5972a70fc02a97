"""Whole numbers in JSON, which has one kind of number: there, 2.0 is 2."""

from __future__ import annotations

from pydantic import BeforeValidator


def read_whole(value: object) -> object:
    """Return the whole number that a JSON number is; whatever is none stays as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# For fields of whole numbers, behind their bounds: JSON Schema counts 2.0 among the integers,
# and some languages write all numbers so.
WHOLE = BeforeValidator(read_whole)
