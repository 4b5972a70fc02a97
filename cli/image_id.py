"""An image's id as an argument of a command."""

from __future__ import annotations

import re

import click

from common.ids import IMAGE_ID, IMAGE_ID_DIGITS


class ImageId(click.ParamType[str]):
    """Lets only well-formed ids through, so that one that is none stops all before any is sent."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id."""
        if not re.fullmatch(IMAGE_ID, value):
            self.fail(
                f"{value!r} is no image's id, which has {IMAGE_ID_DIGITS} hexadecimal digits.",
                param,
                ctx,
            )
        return value
