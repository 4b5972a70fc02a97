"""The contract between the API and the workers: names of tasks and queues, and their payloads.

The API sends tasks by name and never imports a worker; a worker registers the same names. Payloads
are small, versioned JSON documents that carry ids, never bytes; ``Payload`` says what a worker does
with a version that it does not know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from common.errors import GlimpseError
from common.filters.model import Filter
from common.ids import ImageId
from common.images.archive_formats import ArchiveKind
from common.images.photo_info import PhotoInfo
from common.images.thumbnails import SIZES

# The tenant of every image while no API keys exist.
DEFAULT_TENANT = "default"

# What a queue is for. Its name also carries a model (``common/broker/names.py``).
INGEST_QUEUE = "ingest"
SEARCH_QUEUE = "search"
# Questions about images and models, and deletions; consumed by the search workers.
CATALOG_QUEUE = "catalog"
PURPOSES = (INGEST_QUEUE, SEARCH_QUEUE, CATALOG_QUEUE)
# The kinds of worker, each named by the queue that it is for.
QUEUES = (INGEST_QUEUE, SEARCH_QUEUE)
# Consumed by the ingest workers of the model that a reindex or a switch is for.
REINDEX_QUEUE = "reindex"

INGEST_CHUNK = "ingest.chunk"
INGEST_ARCHIVE = "ingest.archive"
# Changes indexed images; consumed by the ingest workers.
IMAGES_EDIT = "images.edit"
SEARCH_RUN = "search.run"
EMBEDDINGS_RUN = "embeddings.run"
CATALOG_GET = "catalog.get"
CATALOG_KNOWN = "catalog.known"
CATALOG_DELETE = "catalog.delete"
CATALOG_LIST = "catalog.list"
CATALOG_TAGS = "catalog.tags"
CATALOG_EDIT = "catalog.edit"
THUMBNAILS_MAKE = "thumbnails.make"
MODELS_LIST = "models.list"
MODELS_DROP = "models.drop"
MODELS_SWITCH = "models.switch"
REINDEX_SLICE = "reindex.slice"

# The tasks of the search queue, which need the model; all others of a search worker are in the
# catalog queue.
SEARCH_TASKS = frozenset({SEARCH_RUN, EMBEDDINGS_RUN})

# Type of a value in the metadata of an image.
MetadataValue = str | int | float | bool

# What an upload does to an image that is already indexed: nothing, add the tags, metadata and name
# that it lacks, or replace its own.
OnDuplicate = Literal["keep", "merge", "replace"]

# How a list of images is sorted: by a field, in ascending order, or after "-" in descending order.
Sort = Literal[
    "-indexed_at",
    "indexed_at",
    "-taken_at",
    "taken_at",
    "filename",
    "-filename",
    "bytes",
    "-bytes",
]
NEWEST_FIRST: Sort = "-indexed_at"

# "modified" and "unchanged" are outcomes of jobs that change indexed images.
OutcomeState = Literal["indexed", "duplicate", "modified", "unchanged", "failed", "cancelled"]


class Message(BaseModel):
    """Base of all messages that pass through the queue, and of records.

    Unknown fields are ignored and later fields have defaults, so that programs of different
    versions read each other's messages.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Payload(Message):
    """Base of the payloads of tasks.

    A worker reads its own version and all earlier ones. It returns an ingest task of a later
    version to the end of its queue, where a newer worker finds it, and answers any other at once
    with ``worker_unavailable``. A version is raised if an older worker would do the wrong thing.
    """

    version: int = Field(default=1, ge=1, le=1)


class ChunkItem(Message):
    """One image of an ingest task; its bytes are in the blob store under ``id``."""

    # Index of the image in its job, from 0.
    index: int = Field(ge=0)
    id: ImageId
    # The path as the caller sent it, stored with the vector.
    filename: str


class IngestChunk(Payload):
    """Payload of ``ingest.chunk``: some images of one job."""

    # 2: the job's record is packed, which workers that know only version 1 cannot complete.
    # 3: indexed images get the upload's tags and metadata (``ingest_version``).
    version: int = Field(default=2, ge=1, le=3)
    job_id: str
    tenant: str = DEFAULT_TENANT
    items: list[ChunkItem]
    tags: list[str] = []
    metadata: dict[str, MetadataValue] = {}
    # Earlier versions of the API mean "keep".
    on_duplicate: OnDuplicate = "keep"


class IngestArchive(Payload):
    """Payload of ``ingest.archive``: an archive whose pictures join a job as it is unpacked."""

    # As of ``IngestChunk``.
    version: int = Field(default=2, ge=1, le=3)
    job_id: str
    tenant: str = DEFAULT_TENANT
    # SHA-256 of the archive's bytes, which are stored with the archives under the job's id.
    id: ImageId
    format: ArchiveKind
    filename: str
    tags: list[str] = []
    metadata: dict[str, MetadataValue] = {}
    on_duplicate: OnDuplicate = "keep"


def ingest_version(
    on_duplicate: OnDuplicate, tags: Sequence[str], metadata: Mapping[str, MetadataValue]
) -> int:
    """Return the version of an ingest task: 3 if older workers would lose tags or metadata."""
    merges = on_duplicate == "merge" and bool(tags or metadata)
    return 3 if merges or on_duplicate == "replace" else 2


class Change(Message):
    """What to change about indexed images."""

    # Read the photo info from the bytes again.
    refresh: bool = False
    set_metadata: dict[str, MetadataValue] = {}
    unset_metadata: list[str] = []
    # The new file name; None keeps the name.
    filename: str | None = None
    add_tags: list[str] = []
    remove_tags: list[str] = []


class EditImages(Payload):
    """Payload of ``images.edit``: the images to change join the job as they are found."""

    job_id: str
    tenant: str = DEFAULT_TENANT
    change: Change
    # The images; None for those that match the filter.
    ids: list[ImageId] | None = None
    # None for all images of the tenant.
    filter: Filter | None = None


class Outcome(Message):
    """The outcome of one image of a job."""

    index: int = Field(ge=0)
    id: ImageId
    state: OutcomeState
    # Why it failed: one of the codes of failed images in the HTTP API.
    code: str | None = None
    detail: str | None = None
    # Of a duplicate: whether the upload changed its tags, metadata or names.
    changed: bool = False

    @classmethod
    def failed(cls, index: int, image_id: str, error: GlimpseError) -> Outcome:
        """Return the outcome of an image that failed with an error."""
        return cls(index=index, id=image_id, state="failed", code=error.code, detail=str(error))


class ArchiveResult(Message):
    """Result of ``ingest.archive``."""

    # Number of distinct pictures in the archive.
    images: int


class ChunkResult(Message):
    """Result of ``ingest.chunk``: how many images have each outcome; the record has the rest."""

    # The outcome of each item, in the same order; not part of the message.
    outcomes: list[Outcome] = Field(exclude=True)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def counts(self) -> dict[OutcomeState, int]:
        """The number of images with each outcome."""
        return dict(Counter(outcome.state for outcome in self.outcomes))


class AsOf(Message):
    """Read marks at the time of a request (``common/read_marks/base.py``)."""

    # The epoch that the marks are from; a mark that is missing may be established in it.
    epoch: str
    # Times by Milvus's clock, 20 digits each, by the key of their collection.
    times: dict[str, str] = {}


class ReadRequest(Payload):
    """Base of the payloads of tasks that read the store."""

    # None for reads that must be strong; older workers ignore it. The API sends it in the message's
    # header (``common/broker/as_of_header.py``), and earlier versions of it in the payload.
    as_of: AsOf | None = None


class Input(Message):
    """Something to embed: a text, an indexed image or an uploaded picture."""

    text: str | None = None
    image_id: ImageId | None = None
    # Id of the uploaded picture's bytes in the blob store of queries.
    picture: str | None = None


class Term(Input):
    """One weighted part of a query."""

    weight: float = 1.0


class SearchRequest(ReadRequest):
    """Payload of ``search.run``."""

    # 2: an option is "auto", which older workers cannot read.
    version: int = Field(default=1, ge=1, le=2)
    tenant: str = DEFAULT_TENANT
    terms: list[Term] = Field(min_length=1)
    top_k: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)
    # "auto" stands for the model's noise threshold.
    min_score: float | Literal["auto"] | None = None
    # Conditions on the images to find; None searches all images of the tenant.
    filter: Filter | None = None
    # Cosine from which an image is folded into a better hit; "auto" folds near-duplicates by their
    # perceptual hashes, None folds none.
    group_duplicates: float | Literal["auto"] | None = None


class Duplicate(Message):
    """A near-duplicate of a better hit, returned as part of that hit."""

    id: ImageId
    score: float
    filename: str
    # In how many of 64 bits the perceptual hashes differ; None if one of the two has none.
    distance: int | None = None


class Hit(Message):
    """One image found by a search."""

    id: ImageId
    # Cosine similarity, -1 to 1; the best hit comes first.
    score: float
    filename: str
    tags: list[str] = []
    # Pixels; 0 from workers of earlier versions.
    width: int = 0
    height: int = 0
    # Images folded into this one, best first.
    duplicates: list[Duplicate] = []


class Failure(Message):
    """Why a task failed: a code and a message for the caller."""

    code: str
    detail: str


class SearchResult(Message):
    """Result of ``search.run``: hits, best first, or an error."""

    hits: list[Hit] = []
    # Name of the encoder that produced the vectors.
    encoder: str
    # Score below which hits of this query are noise; None if the model has no threshold for it.
    noise_threshold: float | None = None
    # Time the worker spent on encoding and searching, in milliseconds.
    took_ms: float
    error: Failure | None = None


class EmbeddingsRequest(ReadRequest):
    """Payload of ``embeddings.run``."""

    tenant: str = DEFAULT_TENANT
    inputs: list[Input] = Field(min_length=1)


class InputFailure(Failure):
    """Why one input has no embedding."""

    # Index of the input in the request.
    index: int = Field(ge=0)


class EmbeddingsResult(Message):
    """Result of ``embeddings.run``: an embedding of every input, or why there are none."""

    # In the order of the inputs: little-endian float32 of unit length, in base64.
    embeddings: list[str] = []
    # Name, revision and dimension of the encoder, and the worker's time in milliseconds.
    model: str = ""
    revision: str = ""
    dimension: int = 0
    took_ms: float = 0
    # The inputs at fault; the others have no embeddings either.
    failures: list[InputFailure] = []
    error: Failure | None = None


class CatalogRequest(ReadRequest):
    """Payload of ``catalog.get`` and ``catalog.delete``."""

    tenant: str = DEFAULT_TENANT
    ids: list[ImageId] = Field(max_length=10_000)


class CatalogKnownRequest(CatalogRequest):
    """Payload of ``catalog.known``."""

    # The path of each image's file; None if names do not matter.
    filenames: list[str] | None = None


class ImageRecord(Message):
    """The attributes of an indexed image, stored with its vector."""

    id: ImageId
    filename: str
    bytes: int
    width: int
    height: int
    format: str
    tags: list[str] = []
    metadata: dict[str, MetadataValue] = {}
    # What the file says of itself; None if it says nothing, or was indexed before it was read.
    photo: PhotoInfo | None = None
    # 16 hexadecimal digits (``worker/perceptual_hash.py``); empty if the picture is flat, None if
    # it was indexed before hashes were computed.
    perceptual_hash: str | None = None
    # Its other names: those that it had before, the last one first, then those of later uploads.
    earlier_filenames: list[str] = []
    # When the image became searchable: RFC 3339 in UTC.
    indexed_at: str


class CatalogImages(Message):
    """Result of ``catalog.get``: the indexed images, in the order requested."""

    images: list[ImageRecord] = []
    error: Failure | None = None


class CatalogKnown(Message):
    """Result of ``catalog.known``: the requested ids that a search can find."""

    known: list[ImageId] = []
    # Those that have no file of the name in the request, in any folder, and room for one more name.
    renamed: list[ImageId] = []
    error: Failure | None = None


class CatalogDeleted(Message):
    """Result of ``catalog.delete``: the requested ids that were indexed and are now deleted."""

    deleted: list[ImageId] = []
    error: Failure | None = None


class EditRequest(Payload):
    """Payload of ``catalog.edit``."""

    tenant: str = DEFAULT_TENANT
    id: ImageId
    change: Change


class CatalogEdited(Message):
    """Result of ``catalog.edit``: the changed image; None if it is not indexed."""

    image: ImageRecord | None = None
    error: Failure | None = None


class Place(Message):
    """Position of an image in a list."""

    # Milliseconds since 1970, in lists that are sorted by descending ``indexed_at``.
    indexed_at_ms: int = 0
    id: ImageId
    # In other lists, what they are sorted by: the value of the image's field; None if it has none.
    value: int | str | None = None


class CatalogListRequest(ReadRequest):
    """Payload of ``catalog.list``."""

    # 2: it may have a filter, which older workers would ignore. 3: it may have another order.
    version: int = Field(default=2, ge=1, le=3)
    tenant: str = DEFAULT_TENANT
    limit: int = Field(default=100, ge=1, le=1000)
    # Return only images with this tag.
    tag: str | None = None
    # Return only images that match; None returns all.
    filter: Filter | None = None
    sort: Sort = NEWEST_FIRST
    # The last image of the previous page.
    after: Place | None = None
    # Whether to count the images of all pages.
    count: bool = False


class CatalogPage(Message):
    """Result of ``catalog.list``: images in order, and the start of the next page."""

    images: list[ImageRecord] = []
    following: Place | None = None
    # The number of images of all pages; None if not requested, or if only reading each would tell.
    count: int | None = None
    error: Failure | None = None


class CatalogTagsRequest(ReadRequest):
    """Payload of ``catalog.tags``."""

    tenant: str = DEFAULT_TENANT
    # Return only tags that begin like this, in any case.
    prefix: str = ""
    limit: int = Field(default=100, ge=1, le=1000)


class TagCount(Message):
    """A tag, and the number of images that have it."""

    tag: str
    count: int


class CatalogTags(Message):
    """Result of ``catalog.tags``: tags, the most frequent first."""

    tags: list[TagCount] = []
    # Whether only the newest images were counted, so that there may be more images and tags.
    more_than: bool = False
    error: Failure | None = None


class ThumbnailRequest(ReadRequest):
    """Payload of ``thumbnails.make``."""

    tenant: str = DEFAULT_TENANT
    id: ImageId
    # Longest side, in pixels.
    size: int = Field(ge=1, le=SIZES[-1])


class ThumbnailResult(Message):
    """Result of ``thumbnails.make``: a thumbnail, or why the image has none."""

    # The JPEG, in base64. It is read and forgotten at once.
    data: str = ""
    # Set if the image has no thumbnail, however often it is requested.
    refused: Failure | None = None
    error: Failure | None = None


class NoiseThreshold(Message):
    """Scores of a model below which hits are noise, by what is searched for; None if unknown."""

    text: float | None = None
    image: float | None = None


class Collection(Message):
    """A model's collection of rows."""

    model: str
    revision: str
    dim: int
    # Number of rows of all tenants.
    images: int


class ModelsRequest(Payload):
    """Payload of ``models.list``."""


class ModelsList(Message):
    """Result of ``models.list``: every model that has a collection."""

    collections: list[Collection] = []
    error: Failure | None = None


class DropRequest(Payload):
    """Payload of ``models.drop``: the model whose collection is to go."""

    model: str


class Dropped(Message):
    """Result of ``models.drop``."""

    # Whether there was a collection.
    existed: bool = False
    error: Failure | None = None


class SwitchRequest(Payload):
    """Payload of ``models.switch``."""

    model: str
    # Whether to switch even if some images could not be embedded.
    allow_missing: bool = False


class ReindexSlice(Payload):
    """Payload of ``reindex.slice``: the images whose ids start with two digits."""

    reindex_id: str
    # The number of the pass.
    number: int
    slice: str = Field(pattern="^[0-9a-f]{2}$")


class Done(Message):
    """Result of ``reindex.slice`` and ``models.switch``, whose records hold the rest."""


def dump(message: Message) -> dict[str, Any]:
    """Return a message as JSON, the form in which tasks and results carry it."""
    return message.model_dump(mode="json", exclude_none=True)
