"""A folder named by an option, for the data of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class FolderName(click.Path):
    """A folder with a name: pathlib takes an empty one for the current folder."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; an empty name is refused."""
        if value == "":
            self.fail("give the name of a folder.", param, ctx)
        return super().convert(value, param, ctx)
