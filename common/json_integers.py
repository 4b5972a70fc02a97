"""Integers in JSON, whose only number type makes 2.0 equal to 2."""

from __future__ import annotations

from pydantic import BeforeValidator


def read_whole(value: object) -> object:
    """Return an integral JSON number as an integer, and any other value unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# For integer fields, after their bounds: in JSON Schema 2.0 is an integer, and some languages write
# every number with a fraction.
WHOLE = BeforeValidator(read_whole)
