"""Weighted choice: Hypothesis draws all alternatives of a choice equally often."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def mostly(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Draw the usual three times out of four.

    A case that is odd in every way is rejected for the first oddity, so the others go untested.
    """
    return st.integers(0, 3).flatmap(lambda number: odd if number == 3 else usual)
