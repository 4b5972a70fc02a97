"""Image IDs as command arguments."""

from __future__ import annotations

import re

import click

from common.ids import IMAGE_ID, IMAGE_ID_DIGITS


class ImageId(click.ParamType[str]):
    """Accepts only well-formed IDs, so that no request is sent if one is invalid."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the ID."""
        if not re.fullmatch(IMAGE_ID, value):
            self.fail(
                f"{value!r} is not an image ID ({IMAGE_ID_DIGITS} hexadecimal digits).", param, ctx
            )
        return value
