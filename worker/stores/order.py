"""Orders of lists of images: the reference semantics, which every vector store implements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from common.contract import NEWEST_FIRST, ImageRecord, Place, Sort
from common.images.photo_info import PhotoInfo
from common.rfc3339 import milliseconds
from worker.stores.photo_fields import taken_at_ms

# Characters of a file name that order it: they fit into the query string of the next page.
NAME_CHARACTERS = 256

# An image's value, a time in milliseconds since 1970, and its id. Keys are unique.
Key = tuple[int | str | None, str]


def ordering(value: int | str | None) -> int | str | None:
    """Return what of a stored value orders an image."""
    return value[:NAME_CHARACTERS] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Order:
    """An order of images: by a field, then by id; images without a value come last.

    Attributes:
        field: The field's name in the API.
        descending: Whether the highest value comes first.
    """

    field: str
    descending: bool

    @classmethod
    def of(cls, sort: Sort) -> Self:
        """Return the order with a name of the API."""
        return cls(sort.removeprefix("-"), sort.startswith("-"))

    @property
    def is_newest_first(self) -> bool:
        """Whether it is the order of lists by default, whose places have a field of their own."""
        return self == Order.of(NEWEST_FIRST)

    def key_of(self, record: ImageRecord) -> Key:
        """Return an image's key."""
        match self.field:
            case "indexed_at":
                return milliseconds(record.indexed_at), record.id
            case "taken_at":
                return taken_at_ms(record.photo or PhotoInfo()), record.id
            case "filename":
                return ordering(record.filename), record.id
            case _:
                return record.bytes, record.id

    def arranged(self, keys: Iterable[Key]) -> list[Key]:
        """Return keys in order."""
        by_id = sorted(keys, key=lambda key: key[1])
        valued = [key for key in by_id if key[0] is not None]
        # Also in reverse, equal values stay ordered by id.
        valued.sort(key=lambda key: key[0], reverse=self.descending)  # type: ignore[arg-type,return-value]
        return valued + [key for key in by_id if key[0] is None]

    def place(self, key: Key) -> Place:
        """Return the place after an image."""
        value, image_id = key
        if self.is_newest_first and isinstance(value, int):
            return Place(indexed_at_ms=value, id=image_id)
        return Place(value=value, id=image_id)

    def key_at(self, place: Place) -> Key:
        """Return the key of the image before a place."""
        return place.indexed_at_ms if self.is_newest_first else place.value, place.id
