"""Image IDs as command arguments."""

from __future__ import annotations

import re

import click

# The SHA-256 of the image's bytes in hexadecimal.
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


class ImageId(click.ParamType[str]):
    """Accepts only well-formed IDs, so that no request is sent if one is invalid."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the ID."""
        if not _IMAGE_ID.fullmatch(value):
            self.fail(f"{value!r} is not an image ID (64 hexadecimal digits).", param, ctx)
        return value
