"""What a bulk upload sets for its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glimpse_client.glimpse import OnDuplicate


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an upload sets.

    Attributes:
        tags: Tags for the pictures.
        on_duplicate: What to do with pictures that the server already has; None is its default.
    """

    tags: Sequence[str] = ()
    on_duplicate: OnDuplicate | None = None
