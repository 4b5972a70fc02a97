"""The parts' output, line by line, each line prefixed with the name of its part."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable

import click

from cli.stack.report import is_report

# Lines of a part's output kept for the message that says why it exited.
_TAIL_LINES = 12
# Bytes of an unfinished line after which it is shown in pieces.
_LINE_BYTES_MAX = 64 * 1024
# Colours assigned to the parts in turn.
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan")


class Log:
    """Merges the output of all parts into one stream.

    Args:
        names: The parts, for aligning their names.
        write: Takes a line without its end; ``click.echo`` leaves colours out of files.
        as_json: Whether each line is a JSON object.
    """

    def __init__(
        self,
        names: list[str],
        write: Callable[[str], None] = click.echo,
        *,
        as_json: bool = False,
    ) -> None:
        self._as_json = as_json
        self._width = max(map(len, names))
        self._colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
        self._tails: dict[str, deque[str]] = {name: deque(maxlen=_TAIL_LINES) for name in names}
        # The last error that each part has reported.
        self._reports: dict[str, str] = {}
        self._write = write

    def line(self, name: str, text: str) -> None:
        """Show one line of a part."""
        self._tails[name].append(text)
        if is_report(text):
            self._reports[name] = text
        if self._as_json:
            self._write(_with_part(name, text))
            return
        prefix = click.style(f"{name:<{self._width}} |", fg=self._colours[name])
        self._write(f"{prefix} {text}")

    def tail(self, name: str) -> str:
        """Return a part's last lines, indented, and before them the error that it reported."""
        lines = list(self._tails[name])
        report = self._reports.get(name)
        if report is not None and report not in lines:
            lines.insert(0, report)
        return "".join(f"\n  {line}" for line in lines)


class Lines:
    """Cuts one stream of bytes into lines.

    Args:
        show: Called with each line, without its end.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take bytes as they arrive; a line without end is shown in pieces."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._show_bytes(line)
        if len(self._rest) > _LINE_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Show what has come of an unfinished line."""
        if self._rest:
            self._show_bytes(self._rest)
        self._rest = b""

    def _show_bytes(self, line: bytes) -> None:
        self._show(line.decode(errors="replace").rstrip("\r"))


def _with_part(name: str, text: str) -> str:
    """Return a line as a JSON object; a server's line, which is text, becomes its message."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    line = found if isinstance(found, dict) else {"message": text}
    return json.dumps({"part": name, **line}, ensure_ascii=False)
