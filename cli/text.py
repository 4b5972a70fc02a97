"""Text between people and the command: what they type, and names of files in its messages."""

from __future__ import annotations

import click

# Bytes of an argument that are no UTF-8 come as these characters (PEP 383).
_RAW_BYTES = range(0xDC80, 0xDD00)


class Text(click.ParamType[str]):
    """A text that can be sent: UTF-8, as JSON wants it."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(f"'{shown(value)}' is not UTF-8.", param, ctx)
        return value


def shown(text: str) -> str:
    """Return a name on one line, with escapes in place of what cannot be seen.

    The name of a file may hold anything, line breaks and a terminal's commands too.
    """
    return "".join(map(_shown, text))


def shown_lines(text: str) -> str:
    """Return a message of one or several lines, each as ``shown`` has it."""
    return "\n".join(map(shown, text.split("\n")))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if ord(character) in _RAW_BYTES:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
