"""Response models of images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from api.schemas.answer import Answer, Count, Time
from api.schemas.image_cursor import write_image_cursor
from api.schemas.links import Links
from api.schemas.photo import Photo
from common.contract import CatalogKnown, CatalogPage, ImageRecord, MetadataValue, Sort
from common.ids import ImageId


@dataclass(slots=True)
class Image(Answer):
    """An indexed image."""

    id: ImageId
    filename: str
    bytes: Count
    width: Count
    height: Count
    format: str
    tags: list[str]
    metadata: dict[str, MetadataValue]
    photo: Photo | None
    earlier_filenames: list[str]
    indexed_at: Time
    links: dict[str, str]

    @classmethod
    def of(cls, record: ImageRecord, links: Links) -> Image:
        """Build the response model of an image."""
        return cls(
            id=record.id,
            filename=record.filename,
            bytes=record.bytes,
            width=record.width,
            height=record.height,
            format=record.format,
            tags=record.tags,
            metadata=record.metadata,
            photo=None if record.photo is None else Photo.of(record.photo),
            earlier_filenames=record.earlier_filenames,
            indexed_at=record.indexed_at,
            links=links.of_image(record.id),
        )


@dataclass(slots=True)
class Images(Answer):
    """A page of images."""

    images: list[Image]
    next_cursor: str | None
    count: Annotated[
        Count | None,
        Field(
            description="The images of all pages; null if not requested, or if only reading each"
            " would tell."
        ),
    ]

    @classmethod
    def of(cls, page: CatalogPage, sort: Sort, links: Links) -> Images:
        """Build the response page of a list in this order."""
        images = [Image.of(record, links) for record in page.images]
        return cls(images, write_image_cursor(page.following, sort), page.count)


@dataclass(slots=True)
class Checked(Answer):
    """Which of the given ids are indexed, which are not, and which files are renamed."""

    known: list[ImageId]
    missing: list[ImageId]
    # Those of the known ones whose file has another name now.
    renamed: list[ImageId]

    @classmethod
    def of(cls, asked: Iterable[str], found: CatalogKnown) -> Checked:
        """Partition the requested ids, without repetitions and in request order."""
        known, renamed = set(found.known), set(found.renamed)
        unique = list(dict.fromkeys(asked))
        return cls(
            [image_id for image_id in unique if image_id in known],
            [image_id for image_id in unique if image_id not in known],
            [image_id for image_id in unique if image_id in renamed],
        )
