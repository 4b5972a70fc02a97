"""Text on the command line: arguments that users type, and file names in messages."""

from __future__ import annotations

from collections.abc import Mapping

import click

# Python maps bytes that are not UTF-8 to these characters (PEP 383).
_RAW_BYTES = range(0xDC80, 0xDD00)

# Kinds of skipped files that a summary names.
_NAMED_MAX = 8


class Text(click.ParamType[str]):
    """A text argument; it must be valid UTF-8."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(f"'{shown(value)}' is not UTF-8.", param, ctx)
        return value


def shown(text: str) -> str:
    """Return a name on one line, with unprintable characters escaped.

    A file name may contain line breaks and terminal escape sequences.
    """
    return "".join(map(_shown, text))


def shown_lines(text: str) -> str:
    """Return a message of several lines, each escaped as by ``shown``."""
    return "\n".join(map(shown, text.split("\n")))


def listed(skipped: Mapping[str, int]) -> str:
    """Return what was skipped in words, the most frequent kinds first."""
    ordered = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count} {shown(name)}" for name, count in ordered[:_NAMED_MAX]]
    rest = sum(count for _, count in ordered[_NAMED_MAX:])
    return ", ".join([*named, *([f"{rest} others"] if rest else [])])


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if ord(character) in _RAW_BYTES:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
