"""Texts of an expression, found as Milvus's grammar finds them, sign by sign."""

from __future__ import annotations

from collections.abc import Iterator

# What a text may say with a backslash, in every Milvus.
_ESCAPED = frozenset('"\\')

# What none holds.
_BREAKS = frozenset("\r\n")


def split(expression: str) -> tuple[str, list[str]]:
    """Return an expression with nothing in its texts, and what each of them says.

    Raises:
        AssertionError: A text does not end, or holds what none may.
    """
    bare, texts = [], []
    rest = iter(expression)
    for sign in rest:
        bare.append(sign)
        if sign == '"':
            texts.append(_text(rest, expression))
            bare.append('"')
    return "".join(bare), texts


def _text(rest: Iterator[str], expression: str) -> str:
    """Take the signs up to the end of a text, and return what they say."""
    said = []
    for sign in rest:
        if sign == '"':
            return "".join(said)
        assert sign not in _BREAKS, f"a line breaks within a text: {expression!r}"
        meant = next(rest, "") if sign == "\\" else sign
        assert sign != "\\" or meant in _ESCAPED, f"an escape that is none: {expression!r}"
        said.append(meant)
    raise AssertionError(f"a text without an end: {expression!r}")
