"""What the tools return: less than the API does, since a model reads all of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from glimpse_client.answers import Hit, Image, Item, Job, Search


class FoundImage(BaseModel):
    """An image that a search found."""

    id: str
    score: Annotated[float, Field(description="Cosine similarity to the query, -1 to 1.")]
    filename: str
    tags: tuple[str, ...]
    width: Annotated[int, Field(description="Pixels.")]
    height: int

    @classmethod
    def of(cls, hit: Hit) -> FoundImage:
        """Return a hit of the API."""
        return cls(
            id=hit.id,
            score=round(hit.score, 4),
            filename=hit.filename,
            tags=hit.tags,
            width=hit.width,
            height=hit.height,
        )


class Found(BaseModel):
    """The hits of a search, the best first."""

    hits: list[FoundImage]
    noise_threshold: Annotated[
        float | None,
        Field(
            description="Hits with a lower score have little to do with the query. null if the"
            " model's threshold is not known."
        ),
    ]

    @classmethod
    def of(cls, search: Search) -> Found:
        """Return a search of the API."""
        hits = [FoundImage.of(hit) for hit in search.hits]
        return cls(hits=hits, noise_threshold=search.noise_threshold)


class ListedImage(BaseModel):
    """An image of a list."""

    id: str
    filename: str
    tags: tuple[str, ...]
    width: Annotated[int, Field(description="Pixels.")]
    height: int
    taken_at: Annotated[str | None, Field(description="When the picture was taken, RFC 3339.")]
    indexed_at: Annotated[str, Field(description="When it was added, RFC 3339.")]

    @classmethod
    def of(cls, image: Image) -> ListedImage:
        """Return an image of the API."""
        return cls(
            id=image.id,
            filename=image.filename,
            tags=image.tags,
            width=image.width,
            height=image.height,
            taken_at=image.photo and image.photo.taken_at,
            indexed_at=image.indexed_at,
        )


class Listed(BaseModel):
    """The first images of a list."""

    images: list[ListedImage]
    count: Annotated[
        int | None,
        Field(description="Number of all images that match; null if counting them is slow."),
    ]


class FailedImage(BaseModel):
    """An image that could not be changed."""

    id: str
    code: str | None
    detail: str | None

    @classmethod
    def of(cls, item: Item) -> FailedImage:
        """Return an item of the API."""
        return cls(id=item.id, code=item.code, detail=item.detail)


class Tagged(BaseModel):
    """The outcome of a change of tags."""

    state: Annotated[str, Field(description="succeeded, partial (some failed) or failed.")]
    modified: Annotated[int, Field(description="Number of images changed.")]
    unchanged: Annotated[int, Field(description="Number of images that were so already.")]
    failed: list[FailedImage]

    @classmethod
    def of(cls, job: Job, failures: list[Item]) -> Tagged:
        """Return a finished job of the API."""
        failed = [FailedImage.of(item) for item in failures]
        return cls(state=job.state, modified=job.modified, unchanged=job.unchanged, failed=failed)
