"""The parts' output, line by line, each with the name of its part before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import click

# Lines of a part's output kept for the message that says why it ended.
_TAIL_LINES = 12
# Bytes of a line that never ends, after which it is shown in pieces.
_LINE_BYTES_MAX = 64 * 1024
# Colours given to the parts in turn.
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan")


class Log:
    """Puts the output of all parts on one stream.

    Args:
        names: The parts, for aligning their names.
        write: Takes a line without its end; ``click.echo`` leaves colours out of files.
    """

    def __init__(self, names: list[str], write: Callable[[str], None] = click.echo) -> None:
        self._width = max(map(len, names))
        self._colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
        self._tails: dict[str, deque[str]] = {name: deque(maxlen=_TAIL_LINES) for name in names}
        self._write = write

    def line(self, name: str, text: str) -> None:
        """Show one line of a part."""
        self._tails[name].append(text)
        prefix = click.style(f"{name:<{self._width}} |", fg=self._colours[name])
        self._write(f"{prefix} {text}")

    def tail(self, name: str) -> str:
        """Return a part's last lines, indented."""
        return "".join(f"\n  {line}" for line in self._tails[name])


class PartOutput:
    """Takes one part's output in pieces, as circus reads it, and cuts it into lines."""

    def __init__(self, log: Log, name: str) -> None:
        self._log = log
        self._name = name
        self._rest: dict[tuple[int, str], bytes] = {}

    def __call__(self, piece: Mapping[str, object]) -> None:
        """Take a piece: ``data`` (bytes) of the stream ``name`` of the process ``pid``."""
        key = (int(str(piece["pid"])), str(piece["name"]))
        data = self._rest.pop(key, b"") + bytes(piece["data"])  # type: ignore[call-overload]
        *lines, rest = data.split(b"\n")
        if len(rest) > _LINE_BYTES_MAX:
            lines.append(rest)
            rest = b""
        if rest:
            self._rest[key] = rest
        for line in lines:
            self._show(line)

    def flush(self) -> None:
        """Show what had no end of line, for the process has ended."""
        while self._rest:
            self._show(self._rest.popitem()[1])

    def _show(self, line: bytes) -> None:
        self._log.line(self._name, line.decode(errors="replace").rstrip("\r"))
