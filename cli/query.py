"""What a search looks for, as the server is asked for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cli.image_id import ImageId
from cli.text import Text
from glimpse_client import Glimpse, Search

# A weight at the end of a term, as in "9f86…:0.5".
_WEIGHTED = re.compile(r"(?P<what>.+):(?P<weight>\d*\.?\d+)", re.DOTALL)

# Weight of what is to be like something, and of what is not, unless another is given.
LIKE, UNLIKE = 1.0, -0.5


@dataclass(frozen=True, slots=True)
class Query:
    """A search: its terms, and what may be found.

    Attributes:
        text: What the pictures show; empty where other terms say all.
        top_k: Hits, at most.
        terms: Further terms, as the server takes them.
        image: A picture to search by.
        tags: Tags that an image must have, all of them.
        min_score: Cosine that a hit must have.
        offset: Hits passed over.
        group_duplicates: Cosine from which on images are folded into one hit.
    """

    text: str = ""
    top_k: int = 10
    terms: tuple[dict[str, Any], ...] = ()
    image: Path | None = None
    tags: tuple[str, ...] = ()
    min_score: float | None = None
    offset: int = 0
    group_duplicates: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not (self.text or self.terms or self.image)

    def ask(self, client: Glimpse) -> Search:
        """Search for it; raises as ``Glimpse.search`` does."""
        return client.search(
            self.text,
            picture=self.image,
            query=self.terms,
            top_k=self.top_k,
            offset=self.offset or None,
            min_score=self.min_score,
            group_duplicates=self.group_duplicates,
            filter={"tags": {"all": list(self.tags)}} if self.tags else None,
        )


class ImageTerm(click.ParamType[dict[str, Any]]):
    """An image's id, with a weight behind a colon if need be.

    Args:
        weight: Its weight, unless one is given; where it is negative, a given one is, too.
    """

    name = "id"

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the term."""
        what, weight = _split(value, self._weight)
        return {"image_id": ImageId().convert(what, param, ctx), "weight": weight}


class TextTerm(click.ParamType[dict[str, Any]]):
    """A text, with a weight behind a colon if need be; see ``ImageTerm``."""

    name = "text"

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the term."""
        what, weight = _split(Text().convert(value, param, ctx), self._weight)
        if not what.strip():
            self.fail("There is no text.", param, ctx)
        return {"text": what, "weight": weight}


def _split(value: str, weight: float) -> tuple[str, float]:
    found = _WEIGHTED.fullmatch(value)
    if found is None:
        return value, weight
    given = float(found["weight"])
    return found["what"], given if weight > 0 else -given
