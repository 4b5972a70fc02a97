"""A number within bounds, or "auto"."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Literal

import click

Auto = Literal["auto"]


class AutoFloat(click.FloatRange):
    """A limit that the server chooses if it is "auto"; takes the arguments of ``FloatRange``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or "auto"."""
        if value == "auto":
            return value
        number = math.nan
        with suppress(click.BadParameter):
            number = super().convert(value, param, ctx)
        if math.isnan(number):
            bounds = f"{self.min:g} to {self.max:g}"
            self.fail(f"{value!r} is neither a number from {bounds} nor auto.", param, ctx)
        return number
