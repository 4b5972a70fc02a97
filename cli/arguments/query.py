"""A search query, parsed from command arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from cli.arguments.auto_float import Auto
from cli.arguments.image_id import ImageId, whole_image_id
from cli.terminal.text import Text
from glimpse_client import Glimpse, Search

# A weight, and a text with one, such as "snow:0.5".
_WEIGHT = r"[0-9]*\.?[0-9]+"
_WEIGHTED = re.compile(rf"(.+):({_WEIGHT})", re.DOTALL)
# The API's maximum weight of a term, up or down.
_WEIGHT_MAX = 100

# Default weights of terms to be like and unlike.
LIKE, UNLIKE = 1.0, -0.5


@dataclass(frozen=True, slots=True)
class Query:
    """A search: its terms, filters and limits.

    Attributes:
        text: Describes the pictures; may be empty if there are other terms.
        top_k: Maximum number of hits.
        terms: Further terms in the format of the API.
        image: A picture file to search by.
        tags: Tags that a hit must all have.
        min_score: Minimum score of a hit; "auto" for the model's noise threshold.
        offset: Number of hits to skip.
        group_duplicates: "auto" to group near-duplicates into one hit, or a minimum cosine.
        photo: Conditions on photo info, in the format of the API.
    """

    text: str = ""
    top_k: int = 10
    terms: tuple[dict[str, Any], ...] = ()
    image: Path | None = None
    tags: tuple[str, ...] = ()
    min_score: float | Auto | None = None
    offset: int = 0
    group_duplicates: float | Auto | None = None
    photo: Mapping[str, Any] = field(default_factory=dict)

    @property
    def filter(self) -> dict[str, Any]:
        """The conditions that a hit must meet, in the format of the API."""
        tags = {"tags": {"all": list(self.tags)}} if self.tags else {}
        return tags | dict(self.photo)

    @property
    def is_empty(self) -> bool:
        """Whether the query has no terms."""
        return not (self.text or self.terms or self.image)

    def run(self, client: Glimpse) -> Search:
        """Run the search; raises the errors of ``Glimpse.search``."""
        return client.search(
            self.text,
            picture=self.image,
            query=[_whole(client, term) for term in self.terms],
            top_k=self.top_k,
            offset=self.offset or None,
            min_score=self.min_score,
            group_duplicates=self.group_duplicates,
            filter=self.filter or None,
        )


class _Term(click.ParamType[dict[str, Any]]):
    """A term of a search with an optional weight.

    Args:
        weight: The default weight; if it is negative, a given weight is negated.
    """

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def _signed(
        self, given: str | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the weight that is given, or the default."""
        if given is None:
            return self._weight
        weight = float(given) if re.fullmatch(_WEIGHT, given) else _WEIGHT_MAX + 1
        if weight > _WEIGHT_MAX:
            self.fail(f"the weight {given!r} is not a number from 0 to {_WEIGHT_MAX}.", param, ctx)
        return weight if self._weight > 0 else -weight


class ImageTerm(_Term):
    """An image ID with an optional weight: ``ID[:WEIGHT]``."""

    name = "id"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the term."""
        what, colon, given = value.partition(":")
        weight = self._signed(given if colon else None, param, ctx)
        return {"image_id": ImageId().convert(what, param, ctx), "weight": weight}


class TextTerm(_Term):
    """A text with an optional weight: ``TEXT[:WEIGHT]``; a colon may be part of the text."""

    name = "text"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the term."""
        text = Text().convert(value, param, ctx)
        found = _WEIGHTED.fullmatch(text)
        what, given = found.groups() if found else (text, None)
        if not what.strip():
            self.fail("The text is empty.", param, ctx)
        return {"text": what, "weight": self._signed(given, param, ctx)}


def _whole(client: Glimpse, term: dict[str, Any]) -> dict[str, Any]:
    if "image_id" not in term:
        return term
    return {**term, "image_id": whole_image_id(client, term["image_id"])}
