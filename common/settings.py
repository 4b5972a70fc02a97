"""Settings, read once from ``GLIMPSE_*`` environment variables when a process starts."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from common.errors import InvalidSettings
from common.redis.address import Login, RedisAddress, Tls
from common.secret_files import SUFFIX, read_secret
from common.service_links import is_service_link
from common.service_urls import BlobsUrl, MilvusUri, RedisUrl, folder_of, is_bucket
from common.setting_types import (
    BatchMax,
    IndexParameters,
    Networks,
    OptionalHttpUrl,
    OptionalListenAddress,
    Origins,
    PathPrefix,
    PromptTemplate,
    RateLimit,
    Score,
)
from common.vector_index import IndexKind, VectorIndex

PREFIX = "GLIMPSE_"

# Variables that only the command line reads, and that are not settings of the service.
_CLIENT_VARIABLES = frozenset({"GLIMPSE_URL", "GLIMPSE_API_KEY", "GLIMPSE_TO_TOKEN"})

# Folder of originals and thumbnails if neither setting names one.
_BLOBS_DIR = Path("data/blobs")

# Threads of an API process in addition to those for streams and waits.
_API_THREADS = 16

# Settings that may contain a password; errors about them omit the value, and a file can hold it.
_SECRETS = frozenset(
    {"redis_url", "redis_sentinel_password", "milvus_uri", "milvus_token", "blobs_url"}
)

# What to say of a value of the wrong type, by pydantic's name of the error.
_TYPES = {
    "bool_parsing": "give true or false",
    "int_parsing": "give a whole number",
    "float_parsing": "give a number",
}


class Settings(BaseModel):
    """The settings; the variable of a field is ``GLIMPSE_`` plus its name in upper case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Broker, result backend and job records: one Redis (6.2 or later) or Valkey.
    # "rediss://" encrypts; "sentinel://HOST,HOST,HOST/NAME" asks sentinels for the primary, and
    # "sentinels://" encrypts the connections to both.
    redis_url: RedisUrl = "redis://127.0.0.1:6379/0"
    # File of the CA certificates that Redis's certificate is verified with, instead of the
    # system's.
    redis_ca: Path | None = None
    # Files of the client's certificate and its key, if Redis requires one.
    redis_cert: Path | None = None
    redis_key: Path | None = None
    # User and password of the sentinels; those in the URL are of Redis.
    redis_sentinel_user: str = ""
    redis_sentinel_password: str = ""
    # A Milvus Lite server, a Milvus server, or Zilliz Cloud (with a token).
    milvus_uri: MilvusUri = "http://127.0.0.1:19530"
    milvus_token: str = ""
    # Index over the vectors of a new collection on a Milvus server. Milvus Lite compares all rows.
    milvus_index: IndexKind = "AUTOINDEX"
    # Its parameters, such as "M=16 efConstruction=200 ef=128"; the others have defaults.
    milvus_index_params: IndexParameters = {}
    # Whether a server maps vectors and index from disk, instead of keeping them in memory.
    milvus_mmap: bool = False
    # Shards of a new collection: logs that a server writes rows to concurrently.
    milvus_shards: int = Field(default=1, ge=1, le=16)
    # Copies of a collection in the memory of a server's query nodes.
    milvus_replicas: int = Field(default=1, ge=1, le=64)
    # Whether the tenant is the partition key of a new collection, so that a search reads only its
    # tenant's part; Milvus 2.4 or later.
    milvus_partition_key: bool = False
    # How searches on a Milvus server see every write: "marks" reads as of the last write that was
    # reported, "strong" as of the present.
    consistency: Literal["marks", "strong"] = "marks"
    # When thumbnails are made: by ingest workers as they decode ("ingest"), or by search workers at
    # the first request for one ("request").
    thumbnails: Literal["ingest", "request"] = "ingest"
    # Folder of originals and thumbnails.
    blobs_dir: Path = _BLOBS_DIR
    # Or their address: "s3://BUCKET/PREFIX" in an object store, "file:///PATH" for a folder.
    blobs_url: BlobsUrl = ""
    # Whether a blob in a folder is flushed to the disk before its upload is accepted.
    blobs_fsync: bool = True
    # Seconds that a signed address is valid to which `GET .../content` redirects callers, who then
    # read the original from the object store; 0 means that the API sends the bytes itself.
    content_redirect_s: int = Field(default=0, ge=0, le=604_800)

    # An OpenAI CLIP name ("ViT-B/32", ...), a model of open_clip ("open_clip:ARCHITECTURE/WEIGHTS",
    # "open_clip:hf-hub:ORG/REPO" or "open_clip:local-dir:PATH"), "starter", or "hashing" (tests
    # only).
    model: str = "ViT-B/32"
    # "auto" uses CUDA if torch finds a device, else the CPU.
    device: str = "auto"
    # "auto" uses bf16 or fp16 if the hardware supports it natively, else fp32.
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    # What runs the model: "auto" uses the one of torch and OpenVINO that is faster on this machine.
    backend: Literal["auto", "torch", "openvino"] = "auto"
    # Whether torch compiles the model when a worker starts; needs a C++ compiler.
    compile: bool = False
    # A file of CLIP weights, used instead of the caches and any download.
    clip_weights: Path | None = None
    # Folder of CLIP weights from OpenAI's address or the mirror; the hub has a cache of its own.
    clip_cache: Path = Path("~/.cache/clip")
    # Folder of values that a worker computes once and reuses at later starts.
    cache_dir: Path = Path("~/.cache/glimpse")
    # Base URL that serves the official files under their names; tried last.
    clip_mirror: str = ""

    # A sentence with one {}, such as "a photo of a {}", applied to texts of up to three words
    # before they are embedded; empty leaves texts unchanged.
    prompt_template: PromptTemplate = ""
    # Scores below which hits of a text and of a picture are noise; the default is what was measured
    # for the model, if anything.
    noise_text: Score | None = None
    noise_image: Score | None = None
    # Number of text embeddings that a search worker caches; 0 disables the cache.
    query_cache: int = Field(default=4096, ge=0, le=1_000_000)

    # Maximum number of pictures per model batch; "auto" measures the fastest size at startup.
    batch_max: BatchMax = "auto"
    # Maximum time that a picture waits for its batch to fill, in milliseconds.
    batch_wait_ms: float = Field(default=10.0, ge=0, le=10_000)
    # Maximum number of pictures per ingest task.
    chunk_images: int = Field(default=32, ge=1, le=1000)
    # Tasks that an ingest worker runs concurrently. 0 means as many as keep the model busy while
    # others wait for the store, from 4 to 64.
    worker_threads: int = Field(default=0, ge=0, le=64)
    # Threads of a search worker; each runs one search at a time. Searches that wait for the model
    # share its next batch.
    search_threads: int = Field(default=16, ge=1, le=64)
    # Threads of an ingest worker that read and decode; 0 means one per core.
    decode_threads: int = Field(default=0, ge=0, le=256)
    # Whether each of them decodes in a process of its own. "auto" does on a GPU, because threads of
    # one interpreter cannot keep it busy.
    decode_in: Literal["auto", "threads", "processes"] = "auto"
    # Maximum processor time that a picture may take to decode, in seconds. A process whose decoder
    # takes more is ended: the decoder's own, or the worker.
    decode_cpu_s_max: float = Field(default=300.0, gt=0, le=86_400)
    # Batches that an ingest worker runs through its model concurrently; 0 means one for each of the
    # first four cores of a CPU, and one on a GPU.
    model_threads: int = Field(default=0, ge=0, le=64)
    # The `nice` value of an ingest worker, so that searches get the CPU first.
    ingest_nice: int = Field(default=10, ge=0, le=19)
    # Torch threads per batch; 0 divides the cores among the batches.
    torch_threads: int = Field(default=0, ge=0, le=1024)

    # Maximum size of a request's body, in bytes.
    upload_bytes_max: int = Field(default=2 * 1024**3, ge=1)
    # Maximum size of a picture, in bytes.
    image_bytes_max: int = Field(default=64 * 1024**2, ge=1)
    # What is kept of EXIF, XMP and IPTC in pictures: everything, everything but the location, or
    # nothing.
    photo_info: Literal["all", "no-location", "none"] = "all"
    # Maximum number of pixels of a picture; a decoded picture takes three bytes per pixel.
    image_pixels_max: int = Field(default=100_000_000, ge=1)
    # Maximum number of entries of an archive, pictures or not.
    archive_entries_max: int = Field(default=500_000, ge=1)
    # Maximum size of the unpacked contents of an archive, in bytes.
    archive_bytes_max: int = Field(default=64 * 1024**3, ge=1)
    # Maximum number of unpacked bytes per byte of an archive.
    archive_ratio_max: int = Field(default=200, ge=1)
    # Maximum number of pictures per request.
    upload_parts_max: int = Field(default=10_000, ge=1)
    # Maximum estimated wait of an upload for the ingest workers, in seconds; a longer one is
    # rejected.
    max_wait_s: float = Field(default=900.0, ge=0, allow_inf_nan=False)
    # Number of a tenant's images without an outcome from which its uploads are rejected; 0 means
    # no limit.
    tenant_pending_max: int = Field(default=0, ge=0)

    # Seconds after which an unresponsive worker's tasks go to another worker. Live workers renew
    # their leases every third of it, however long their tasks take.
    lease_s: int = Field(default=60, ge=1)
    # Seconds between checks for expired leases.
    lease_sweep_s: float = Field(default=10.0, gt=0)
    # Number of workers or decoder processes that may die while processing an image before it is
    # quarantined.
    attempts_max: int = Field(default=3, ge=1, le=100)
    # Seconds that a worker has after SIGTERM to finish its tasks; unfinished tasks are requeued.
    grace_s: float = Field(default=25.0, ge=0)
    # Seconds that a job's record is kept after the job has ended.
    job_ttl_s: int = Field(default=7 * 86_400, ge=60)
    # Seconds without an addition after which an open job is completed; longer than the longest
    # `Retry-After` of a refused upload, an hour.
    open_job_s: int = Field(default=7200, ge=1)
    # Seconds that an idempotency key is remembered; at most as long as its job.
    idempotency_ttl_s: int = Field(default=86_400, ge=60)
    # Seconds that a search and its hits are kept; five minutes once they were read.
    search_ttl_s: int = Field(default=3600, ge=10)
    # Seconds that a search waits for a worker before it expires.
    search_expires_s: int = Field(default=60, ge=1)
    # Longest wait of a request with `Prefer: wait`, or for embeddings, in seconds.
    wait_s_max: float = Field(default=30.0, gt=0)
    # Maximum number of concurrent event streams per API process; each has its own thread.
    events_max: int = Field(default=8, ge=0, le=200)
    # Maximum number of requests per API process that wait for a search worker's model concurrently
    # (searches with `Prefer: wait`, embeddings); each has its own thread.
    waits_max: int = Field(default=32, ge=1, le=200)
    # Maximum number of requests per API process that wait for another answer of a search worker
    # concurrently (requests about images and models, deletions); each has its own thread.
    catalog_waits_max: int = Field(default=16, ge=1, le=200)
    # Seconds without an event after which a stream sends a heartbeat.
    events_heartbeat_s: float = Field(default=15.0, gt=0)
    # Delay before an ingest task is retried while Milvus or Redis is unavailable, in seconds.
    retry_s: float = Field(default=2.0, gt=0)
    # Longest such delay, in seconds; the delay doubles with each retry.
    retry_s_max: float = Field(default=30.0, gt=0)
    # Seconds that an accepted image's bytes may be missing from an otherwise available blob store
    # before the image fails.
    missing_s: float = Field(default=300.0, ge=0, allow_inf_nan=False)
    # Seconds between a worker's heartbeats; after three missed ones it counts as dead.
    heartbeat_s: float = Field(default=5.0, gt=0)
    # Whether workers obey Celery's remote control: `celery inspect`, `celery control` and Flower.
    remote_control: bool = True

    # Who has full access while there are no keys: "loopback" only this machine, "network" everyone
    # who can reach the API, "nobody" always requires a key.
    open_to: Literal["loopback", "network", "nobody"] = "loopback"
    # Seconds that an API process caches a key; a revoked key may keep working that long.
    key_cache_s: float = Field(default=2.0, ge=0, le=60)

    # Maximum rate of requests per key, such as "600/minute"; empty means no limit.
    rate_limit: RateLimit = ""

    # Seconds within which a request's line and headers must arrive.
    client_head_s: float = Field(default=10.0, gt=0, le=3600)
    # Seconds that a client may pause while it sends a body or reads a response.
    client_silence_s: float = Field(default=30.0, gt=0, le=3600)
    # Rate in bytes per second that a client can sustain indefinitely; a slower one uses up its
    # pause.
    client_bytes_per_s_min: int = Field(default=16 * 1024, ge=1)

    # Number of proxies before the API whose X-Forwarded-* headers are believed.
    proxy_hops: int = Field(default=0, ge=0, le=16)
    # Path at which the API is published, such as "/photos"; empty takes X-Forwarded-Prefix of a
    # believed proxy.
    path_prefix: PathPrefix = ""
    # Origins whose pages may call the API from a browser, separated by commas.
    cors_origins: Origins = ()

    # Networks that webhooks may be sent to although they are not public, separated by commas, such
    # as "10.1.0.0/16,127.0.0.1/32".
    webhooks_allow: Networks = ()
    # Seconds within which a receiver must have answered a webhook.
    webhooks_timeout_s: float = Field(default=10.0, gt=0, le=60)
    # Seconds for which a webhook that was not accepted is sent again.
    webhooks_try_s: int = Field(default=86_400, ge=0)
    # Maximum number of webhooks that an API process sends concurrently; 0 means that it sends none.
    webhooks_threads: int = Field(default=4, ge=0, le=64)

    # File that a worker touches while it is alive, for `python -m worker.liveness`.
    alive_file: Path | None = None

    # Where a worker serves its metrics, without a key: "PORT" on loopback, or "ADDRESS:PORT". The
    # API serves its own at `GET /metrics`.
    metrics_bind: OptionalListenAddress = None

    # Where an OTLP receiver takes the spans of the API and of workers; None records none.
    traces_url: OptionalHttpUrl = None

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Lines for people, or one JSON object per line.
    log_format: Literal["text", "json"] = "text"
    # Whether lines may contain the names of pictures.
    log_names: bool = True

    @property
    def redis(self) -> RedisAddress:
        """Where Redis is, with its certificates."""
        ca, cert, key = (
            None if path is None else str(path.absolute())
            for path in (self.redis_ca, self.redis_cert, self.redis_key)
        )
        login = Login(self.redis_sentinel_user or None, self.redis_sentinel_password or None)
        return RedisAddress.parse(self.redis_url, Tls(ca, cert, key), login)

    @property
    def api_threads(self) -> int:
        """Threads of an API process: one per stream and per wait, and 16 for other requests."""
        return _API_THREADS + self.events_max + self.waits_max + self.catalog_waits_max

    @property
    def blobs_folder(self) -> Path | None:
        """Folder of the blobs; None if they are in an object store."""
        if is_bucket(self.blobs_url):
            return None
        return folder_of(self.blobs_url) if self.blobs_url else self.blobs_dir.expanduser()

    @property
    def vector_index(self) -> VectorIndex:
        """The index over the vectors of a new collection."""
        return VectorIndex.of(self.milvus_index, self.milvus_index_params)

    @field_validator("redis_ca", "redis_cert", "redis_key")
    @classmethod
    def _need_encryption(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        # Without a valid URL, only the error about the URL matters.
        url = info.data.get("redis_url")
        if path is not None and url is not None and RedisAddress.parse(url).tls is None:
            raise ValueError("needs a GLIMPSE_REDIS_URL with rediss:// or sentinels://")
        if info.field_name == "redis_key" and path is not None and not info.data.get("redis_cert"):
            raise ValueError("needs GLIMPSE_REDIS_CERT, the certificate of this key")
        return path

    @field_validator("milvus_index_params")
    @classmethod
    def _belong_to_the_index(cls, given: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        # Without a valid kind, only the error about the kind matters.
        if kind := info.data.get("milvus_index"):
            VectorIndex.of(kind, given)
        return given

    @field_validator("blobs_url")
    @classmethod
    def _one_place(cls, url: str, info: ValidationInfo) -> str:
        folder = info.data.get("blobs_dir", _BLOBS_DIR)
        if not url or folder == _BLOBS_DIR:
            return url
        if is_bucket(url) or folder_of(url) != folder.expanduser().absolute():
            raise ValueError(f"GLIMPSE_BLOBS_DIR names another place, {folder}; set only one")
        return url

    @field_validator("content_redirect_s")
    @classmethod
    def _only_from_a_bucket(cls, seconds: int, info: ValidationInfo) -> int:
        if seconds and not is_bucket(info.data.get("blobs_url", "")):
            raise ValueError("only an object store has signed addresses; set GLIMPSE_BLOBS_URL too")
        return seconds


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environ: Variables to read instead of the process's environment.

    Raises:
        InvalidSettings: A ``GLIMPSE_`` variable is unknown or has an invalid value.
    """
    variables = os.environ if environ is None else environ
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and not _is_foreign(name, variables)
    }
    for name in given:
        if name not in Settings.model_fields:
            raise InvalidSettings(_unknown(name))
    for name in _SECRETS:
        secret = read_secret(_variable(name), variables)
        if secret is not None:
            given[name] = secret
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise InvalidSettings(_invalid(error)) from error


def _is_foreign(variable: str, environ: Mapping[str, str]) -> bool:
    """Return whether a variable is no setting, although its name begins like one.

    No setting has the name of a service link, so none is mistaken for one; a test checks that.
    """
    return (
        variable in _CLIENT_VARIABLES
        or variable in {_variable(name) + SUFFIX for name in _SECRETS}
        or is_service_link(variable, environ)
    )


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields)
    hint = f"Did you mean {' or '.join(map(_variable, close))}?" if close else "Unset it."
    return f"{_variable(name)} is not a Glimpse setting. {hint}"


def _invalid(error: ValidationError) -> str:
    lines = []
    for entry in error.errors():
        name = str(entry["loc"][0])
        value = "" if name in _SECRETS else f" (got {entry['input']!r})"
        says = _TYPES.get(entry["type"]) or entry["msg"].removeprefix("Value error, ")
        lines.append(f"{_variable(name)}: {says}{value}")
    return "; ".join(lines)
