"""The line in which a part says which error ends it; libraries may write more as it ends."""

from __future__ import annotations

from collections.abc import Iterator

from common.errors import GlimpseError


def is_report(line: str) -> bool:
    """Return whether a line is an error's code, a colon and a sentence."""
    return line.partition(": ")[0] in _CODES


def _codes_below(kind: type[GlimpseError]) -> Iterator[str]:
    yield kind.code
    for below in kind.__subclasses__():
        yield from _codes_below(below)


_CODES = frozenset(_codes_below(GlimpseError))
