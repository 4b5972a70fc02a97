"""The server's answers as immutable values."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

# Final states of jobs and searches.
_FINAL = frozenset({"succeeded", "partial", "failed", "cancelled"})


class Answer(BaseModel):
    """Base class of the server's answers; unknown fields of a newer server are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Answer):
    """One page of a list, with the cursor of the next."""

    next_cursor: str | None = None


class Known(Answer):
    """Which of some image ids are indexed, and which are not."""

    known: tuple[str, ...]
    missing: tuple[str, ...] = ()
    # Those of the known ones whose file has another name now.
    renamed: tuple[str, ...] = ()


class Job(Answer):
    """A job: an upload, or a change of indexed images."""

    id: str
    # "ingest", "edit" or "refresh".
    kind: str = "ingest"
    # The name it was opened with, or its archive's file name.
    name: str | None = None
    # Whether uploads may add pictures to it.
    open: bool = False
    state: Literal["queued", "running", "succeeded", "partial", "failed", "cancelled"]
    total: int
    indexed: int
    duplicates: int
    # The duplicates whose tags, metadata or names the upload changed.
    changed: int = 0
    # Images that the job changed, or found as they are to be; 0 of an upload.
    modified: int = 0
    unchanged: int = 0
    failed: int
    cancelled: int
    # What an archive contained besides pictures: numbers of files by kind, once it is unpacked.
    skipped: dict[str, int] = {}
    # 0 to 1.
    progress: float = 0.0
    # RFC 3339 times: created, started by a worker, finished.
    created_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    rate_per_s: float | None = None
    eta_s: float | None = None

    @property
    def done(self) -> int:
        """Number of images that have an outcome."""
        changed = self.modified + self.unchanged
        return self.indexed + self.duplicates + changed + self.failed + self.cancelled

    @property
    def ended(self) -> bool:
        """Whether the job has finished."""
        return self.state in _FINAL


@dataclass(frozen=True, slots=True)
class Look:
    """A job's progress, and the seconds to wait before the next poll."""

    job: Job
    pause_s: float = 1.0


class Item(Answer):
    """One image of a job."""

    id: str
    filename: str
    state: str
    code: str | None = None
    detail: str | None = None
    # Of a duplicate: whether the upload changed its tags, metadata or names.
    changed: bool = False


class ItemsPage(Page):
    """A page of a job's images."""

    items: tuple[Item, ...]


class JobsPage(Page):
    """A page of jobs."""

    jobs: tuple[Job, ...]


class Location(Answer):
    """Where a picture was taken, in WGS 84."""

    # Degrees north and east.
    latitude: float
    longitude: float
    # Metres above sea level.
    altitude: float | None = None
    # ISO 3166-1 alpha-2 code of the country, and the name of the nearest town.
    country: str | None = None
    town: str | None = None


class Photo(Answer):
    """What a picture's file says of itself."""

    # RFC 3339, without an offset if the file names none.
    taken_at: str | None = None
    # Maker and model.
    camera: str | None = None
    lens: str | None = None
    # EXIF's orientation, 1 to 8.
    orientation: int | None = None
    location: Location | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()


class Image(Answer):
    """An indexed image."""

    id: str
    filename: str
    bytes: int
    width: int
    height: int
    format: str
    tags: tuple[str, ...]
    metadata: dict[str, str | int | float | bool]
    # None if the file says nothing of itself.
    photo: Photo | None = None
    # The file names that it had before, the latest first.
    earlier_filenames: tuple[str, ...] = ()
    indexed_at: str


class ImagesPage(Page):
    """A page of images."""

    images: tuple[Image, ...]
    # Of all pages.
    count: int | None = None


class TagCount(Answer):
    """A tag, and the number of images that have it."""

    tag: str
    count: int


class Tags(Answer):
    """Tags, the most frequent first."""

    tags: tuple[TagCount, ...]
    # Whether only the newest images were counted: there may be more images and tags.
    more_than: bool


class DeadLetter(Answer):
    """An image that the service has stopped trying to index."""

    # Ids of the image, and of the job in which it last failed.
    id: str
    job_id: str
    filename: str
    # The cause: a stable code and a sentence.
    code: str
    detail: str
    # Number of attempts.
    attempts: int
    tags: tuple[str, ...]
    metadata: dict[str, str | int | float | bool]
    dead_at: str


class DeadLettersPage(Page):
    """A page of dead letters."""

    dead_letters: tuple[DeadLetter, ...]


class Attempt(Answer):
    """One request to the receiver of a webhook."""

    at: str
    ms: int
    # The receiver's status, if it answered, and why the attempt failed.
    status: int | None
    error: str | None


class Delivery(Answer):
    """The message that a job has ended, to one URL."""

    # That of the job, and the message's ``webhook-id``.
    id: str
    url: str
    state: str
    created_at: str
    next_attempt_at: str | None
    # The last 20, the oldest first.
    attempts: tuple[Attempt, ...]


class DeliveriesPage(Page):
    """A page of deliveries."""

    deliveries: tuple[Delivery, ...]


class WebhookSecret(Answer):
    """A new secret that signs webhooks."""

    secret: str
    created_at: str
    # Until when the one before it signs messages too, if there is one.
    previous_until: str | None


class Duplicate(Answer):
    """A near-duplicate of a hit, grouped with it."""

    id: str
    # Cosine similarity to the query, -1 to 1.
    score: float
    filename: str
    # Of 64 bits, in how many its perceptual hash differs from the hit's; None if one has none.
    distance: int | None = None


class Hit(Answer):
    """An image that a search found."""

    id: str
    score: float
    filename: str
    rank: int
    tags: tuple[str, ...] = ()
    # Pixels; 0 from services of earlier versions.
    width: int = 0
    height: int = 0
    duplicates: tuple[Duplicate, ...] = ()


def _numbers(encoded: object) -> tuple[float, ...]:
    """Decode little-endian float32 numbers from base64; raises ``ValueError``."""
    if not isinstance(encoded, str):
        raise ValueError("not base64")  # noqa: TRY004 - pydantic reports only ValueError
    data = base64.b64decode(encoded, validate=True)
    if len(data) % 4:
        raise ValueError("not a whole number of float32")
    return struct.unpack(f"<{len(data) // 4}f", data)


class Embeddings(Answer):
    """The embeddings of texts, images and pictures."""

    # Name and revision of the model: only embeddings of the same ones can be compared.
    model: str
    revision: str
    # Length of an embedding.
    dimension: int
    # In the order in which they were asked for, each of unit length.
    embeddings: tuple[Annotated[tuple[float, ...], BeforeValidator(_numbers)], ...]


class Problem(Answer):
    """Why a search failed."""

    code: str
    detail: str


class Search(Answer):
    """A search, with its hits once it has succeeded."""

    id: str
    state: Literal["queued", "running", "succeeded", "failed"]
    hits: tuple[Hit, ...] = ()
    encoder: str | None = None
    # Score below which hits are noise; None if it is not known for this model and query.
    noise_threshold: float | None = None
    took_ms: float | None = None
    error: Problem | None = None

    @property
    def ended(self) -> bool:
        """Whether the search has finished."""
        return self.state in _FINAL


class ModelWorkers(Answer):
    """The number of live workers of a model, by queue."""

    ingest: int
    search: int


class NoiseThreshold(Answer):
    """Scores below which hits are noise, by what is searched for; None if unknown."""

    text: float | None = None
    image: float | None = None


class Model(Answer):
    """A model that has a collection."""

    name: str
    revision: str
    # Length of an embedding.
    dim: int
    noise_threshold: NoiseThreshold = NoiseThreshold()
    # Rows of its collection, of all tenants.
    images: int
    # Whether it serves uploads and searches.
    active: bool
    workers: ModelWorkers


class Switch(Answer):
    """The last switch of the active model."""

    # The model that is to become active.
    model: str
    state: Literal["running", "done", "refused"]
    # Why it was refused.
    detail: str | None = None
    changed_at: str = ""


class Models(Answer):
    """The models of the service, and the last switch."""

    # None before the first worker has started.
    active: str | None
    models: tuple[Model, ...]
    switch: Switch | None = None


class SeenConnection(Answer):
    """How a request reached the server."""

    # The address that the server takes for the caller's.
    address: str
    # Proxies that have added an address to X-Forwarded-For, and those that the server believes.
    forwarded: int
    proxy_hops: int


class Reindex(Answer):
    """A reindex and its progress."""

    # The model whose collection is filled, and the one that was active at the start.
    model: str
    source: str
    state: Literal["running", "complete", "incomplete", "cancelled"]
    # Why it is incomplete.
    detail: str | None = None
    # Rows of the source and of the model's collection, when last counted; 0 before that.
    images: int
    present: int
    # Images embedded, and images that cannot be embedded.
    embedded: int
    failed: int
    # The current pass over all images, from 1, and the share of it that is done, 0 to 1.
    pass_number: int = 1
    pass_done: float = 0.0
    started_at: str = ""
    ended_at: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it has ended, complete or not."""
        return self.state != "running"
