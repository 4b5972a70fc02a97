"""String literals of an expression, parsed character by character as in Milvus's grammar."""

from __future__ import annotations

from collections.abc import Iterator

# Characters that every Milvus accepts after a backslash.
_ESCAPED = frozenset('"\\')

# Characters that a literal must not contain.
_BREAKS = frozenset("\r\n")


def split(expression: str) -> tuple[str, list[str]]:
    """Return an expression with its string literals emptied, and their decoded values.

    Raises:
        AssertionError: A literal is unterminated or contains a forbidden character.
    """
    bare, texts = [], []
    rest = iter(expression)
    for character in rest:
        bare.append(character)
        if character == '"':
            texts.append(_text(rest, expression))
            bare.append('"')
    return "".join(bare), texts


def _text(rest: Iterator[str], expression: str) -> str:
    """Consume the characters up to the end of a literal, and return its decoded value."""
    value = []
    for character in rest:
        if character == '"':
            return "".join(value)
        assert character not in _BREAKS, f"a line breaks within a text: {expression!r}"
        decoded = next(rest, "") if character == "\\" else character
        assert character != "\\" or decoded in _ESCAPED, f"an escape that is none: {expression!r}"
        value.append(decoded)
    raise AssertionError(f"a text without an end: {expression!r}")
