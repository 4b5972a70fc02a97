"""A tag as a command argument."""

from __future__ import annotations

import click
from pydantic import TypeAdapter, ValidationError

from cli.terminal.text import Text, shown
from common.images.metadata_limits import TAG_CHARACTERS_MAX, Tag

_TAG: TypeAdapter[str] = TypeAdapter(Tag)


class TagName(Text):
    """Accepts only what can be a tag, so that no request is sent if it cannot."""

    name = "tag"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the tag."""
        text = super().convert(value, param, ctx)
        try:
            return _TAG.validate_python(text)
        except ValidationError:
            self.fail(
                f"'{shown(text)}' is not a tag, which has 1 to {TAG_CHARACTERS_MAX} characters on"
                " one line.",
                param,
                ctx,
            )
