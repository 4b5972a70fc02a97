"""A file that a command writes at its end, as an argument."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from cli.terminal.text import shown


class OutputFile(click.Path):
    """Accepts a file that can be written, so that nothing is done in vain; - if it is allowed.

    Args:
        allow_dash: Whether - is accepted.
    """

    def __init__(self, *, allow_dash: bool = False) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=allow_dash)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        folder = path.parent
        if not folder.is_dir():
            self.fail(f"There is no folder '{shown(str(folder))}'.", param, ctx)
        if not os.access(folder, os.W_OK):
            self.fail(f"The folder '{shown(str(folder))}' cannot be written.", param, ctx)
        return path
