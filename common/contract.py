"""What the API and the workers agree on: names of tasks and queues, and their payloads.

The API sends tasks by name and never imports a worker; a worker registers the
same names. Payloads are small versioned JSON: they carry ids, never bytes.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.errors import GlimpseError
from common.filters.model import Filter
from common.ids import ImageId
from common.images.archive_formats import ArchiveKind

# Tenant of every image while no API keys are configured.
DEFAULT_TENANT = "default"

INGEST_QUEUE = "ingest"
SEARCH_QUEUE = "search"
QUEUES = (INGEST_QUEUE, SEARCH_QUEUE)

INGEST_CHUNK = "ingest.chunk"
INGEST_ARCHIVE = "ingest.archive"
SEARCH_RUN = "search.run"
CATALOG_GET = "catalog.get"
CATALOG_KNOWN = "catalog.known"
CATALOG_DELETE = "catalog.delete"
CATALOG_LIST = "catalog.list"

# What a caller may keep beside an image, under a name of its own.
MetadataValue = str | int | float | bool

OutcomeState = Literal["indexed", "duplicate", "failed", "cancelled"]


class Message(BaseModel):
    """Base of everything that crosses the queue.

    Unknown fields are ignored, so that an older worker reads a newer API's message.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class ChunkItem(Message):
    """One image of an ingest task; its bytes wait in the blob store under ``id``."""

    # Place of the image in its job, from 0.
    index: int = Field(ge=0)
    id: ImageId
    # The path as the caller gave it, kept beside the vector.
    filename: str


class IngestChunk(Message):
    """Payload of ``ingest.chunk``: some images of one job."""

    version: Literal[1] = 1
    job_id: str
    tenant: str = DEFAULT_TENANT
    items: list[ChunkItem]
    tags: list[str] = []
    metadata: dict[str, MetadataValue] = {}


class IngestArchive(Message):
    """Payload of ``ingest.archive``: an archive whose pictures join a job while it is unpacked."""

    version: Literal[1] = 1
    job_id: str
    tenant: str = DEFAULT_TENANT
    # SHA-256 of the archive's bytes; they wait among the archives under the job's id.
    id: ImageId
    format: ArchiveKind
    filename: str
    tags: list[str] = []
    metadata: dict[str, MetadataValue] = {}


class Outcome(Message):
    """What became of one image of a job."""

    index: int = Field(ge=0)
    id: ImageId
    state: OutcomeState
    # Why it failed: one of the reason codes of the HTTP API.
    code: str | None = None
    detail: str | None = None

    @classmethod
    def failed(cls, index: int, image_id: str, error: GlimpseError) -> Outcome:
        """Return the outcome of an image that failed with an error."""
        return cls(index=index, id=image_id, state="failed", code=error.code, detail=str(error))


class ArchiveResult(Message):
    """Result of ``ingest.archive``."""

    # Pictures found in it, each once.
    images: int


class ChunkResult(Message):
    """Result of ``ingest.chunk``: one outcome for each of its items, in their order."""

    outcomes: list[Outcome]


class Term(Message):
    """One weighted part of a query: a text, an indexed image or an uploaded picture."""

    text: str | None = None
    image_id: ImageId | None = None
    # Where the picture's bytes wait among those of queries.
    picture: str | None = None
    weight: float = 1.0


class SearchRequest(Message):
    """Payload of ``search.run``."""

    version: Literal[1] = 1
    tenant: str = DEFAULT_TENANT
    terms: list[Term] = Field(min_length=1)
    top_k: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)
    min_score: float | None = None
    # Which images may be found; without one, every image of the tenant.
    filter: Filter | None = None
    # Cosine from which on an image is folded into a better hit; without one, none is.
    group_duplicates: float | None = None


class Duplicate(Message):
    """An image so much like a better hit that it is shown with it."""

    id: ImageId
    score: float
    filename: str


class Hit(Message):
    """One image found, as it crosses the queue."""

    id: ImageId
    # Cosine similarity, -1 to 1; the best hit comes first.
    score: float
    filename: str
    tags: list[str] = []
    # Images folded into this one, best first.
    duplicates: list[Duplicate] = []


class Failure(Message):
    """Why a task has no answer: a code and a sentence for the caller."""

    code: str
    detail: str


class SearchResult(Message):
    """Result of ``search.run``: hits, best first, or an error."""

    hits: list[Hit] = []
    # Name of the encoder that made the vectors.
    encoder: str
    # Time the worker took for encoding and searching, in milliseconds.
    took_ms: float
    error: Failure | None = None


class CatalogRequest(Message):
    """Payload of ``catalog.get``, ``catalog.known`` and ``catalog.delete``."""

    version: Literal[1] = 1
    tenant: str = DEFAULT_TENANT
    ids: list[ImageId] = Field(max_length=10_000)


class ImageRecord(Message):
    """What is stored of one indexed image beside its vector."""

    id: ImageId
    filename: str
    bytes: int
    width: int
    height: int
    format: str
    tags: list[str] = []
    metadata: dict[str, MetadataValue] = {}
    # When the image became searchable, RFC 3339 in UTC.
    indexed_at: str


class CatalogImages(Message):
    """Result of ``catalog.get``: the images that are indexed, in the order asked."""

    images: list[ImageRecord] = []
    error: Failure | None = None


class CatalogKnown(Message):
    """Result of ``catalog.known``: those of the ids that a search can find."""

    known: list[ImageId] = []
    error: Failure | None = None


class CatalogDeleted(Message):
    """Result of ``catalog.delete``: those of the ids that were indexed and are no more."""

    deleted: list[ImageId] = []
    error: Failure | None = None


class Place(Message):
    """Where an image stands in a list, newest first: by its time, then by its id."""

    # Milliseconds since 1970.
    indexed_at_ms: int
    id: ImageId


class CatalogListRequest(Message):
    """Payload of ``catalog.list``."""

    version: Literal[1] = 1
    tenant: str = DEFAULT_TENANT
    limit: int = Field(default=100, ge=1, le=1000)
    # Only images that carry this tag.
    tag: str | None = None
    # The last image of the page before.
    after: Place | None = None


class CatalogPage(Message):
    """Result of ``catalog.list``: images, newest first, and the place to go on behind."""

    images: list[ImageRecord] = []
    following: Place | None = None
    error: Failure | None = None


def dump(message: Message) -> dict[str, Any]:
    """Return the JSON form of a message, as it goes into a task or a result."""
    return message.model_dump(mode="json", exclude_none=True)
