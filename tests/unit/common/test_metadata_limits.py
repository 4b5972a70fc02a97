"""Metadata values: the rule that uploads and filters share, and their differences."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api.schemas.body import Metadata
from common.filters.values import OwnValue
from common.images.metadata_limits import check_value

_ASKED = TypeAdapter(OwnValue)


@pytest.mark.parametrize("value", ["", "x" * 1024, "日本", 0, -1.5, True, 2**53, -(2**53)])
def test_what_may_be_kept_may_be_asked_for(value: Any) -> None:
    assert check_value(value) == value
    assert Metadata.model_validate({"own": value}).own == {"own": value}
    assert _ASKED.validate_python(value) == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 1025, "1024 characters"),
        ("\ud800", "surrogates"),
        (math.nan, "finite"),
        (-math.inf, "finite"),
        (10**400, "finite"),
        (None, "a string, a number or a boolean"),
        ([1], "a string, a number or a boolean"),
        ({"deep": 1}, "a string, a number or a boolean"),
    ],
)
def test_what_is_no_value_is_neither_kept_nor_asked_for(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Metadata.model_validate({"own": value})
    with pytest.raises(ValidationError, match=reason):
        _ASKED.validate_python(value)


def test_texts_of_several_lines_are_kept_and_not_asked_for() -> None:
    assert Metadata.model_validate({"own": "two\nlines"}).own == {"own": "two\nlines"}
    with pytest.raises(ValidationError, match="one line"):
        _ASKED.validate_python("two\nlines")


def test_larger_whole_numbers_are_kept_as_doubles_and_not_asked_for() -> None:
    (kept,) = Metadata.model_validate({"own": 2**53 + 1}).own.values()
    assert (kept, type(kept)) == (float(2**53), float)
    with pytest.raises(ValidationError, match="whole number"):
        _ASKED.validate_python(2**53 + 1)
