"""A number within bounds, or "auto"."""

from __future__ import annotations

from typing import Any, Literal

import click

Auto = Literal["auto"]


class AutoFloat(click.FloatRange):
    """A limit that the server chooses if it is "auto"; takes the arguments of ``FloatRange``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or "auto"."""
        return value if value == "auto" else super().convert(value, param, ctx)
