"""An image's id as an argument of a command."""

from __future__ import annotations

import re

import click

# The SHA-256 of its bytes.
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


class ImageId(click.ParamType[str]):
    """Lets only well-formed ids through, so that one that is none stops all before any is sent."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id."""
        if not _IMAGE_ID.fullmatch(value):
            self.fail(f"{value!r} is no image's id, which is 64 hexadecimal digits.", param, ctx)
        return value
