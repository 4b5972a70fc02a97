"""Settings, read once from ``GLIMPSE_*`` variables when a process starts."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from common.errors import InvalidSettings
from common.service_urls import MilvusUri, RedisUrl

PREFIX = "GLIMPSE_"

# Variables that only the command line reads; they are no settings of a service.
_CLIENT_VARIABLES = frozenset({"GLIMPSE_URL", "GLIMPSE_API_KEY"})

# Threads of a process of the API that neither streams nor waits hold.
_API_THREADS = 16

# Settings that may hold a password; what is wrong with them is told without their values.
_SECRETS = frozenset({"redis_url", "milvus_uri", "milvus_token"})


class Settings(BaseModel):
    """What an operator may choose; every field is ``GLIMPSE_`` plus its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Broker, result backend and job records: one Redis (6.2 or later) or Valkey.
    redis_url: RedisUrl = "redis://127.0.0.1:6379/0"
    # Milvus Lite behind its server, a Milvus server, or Zilliz Cloud (with a token).
    milvus_uri: MilvusUri = "http://127.0.0.1:19530"
    milvus_token: str = ""
    # Folder of the uploaded originals and their thumbnails.
    blobs_dir: Path = Path("data/blobs")

    # An OpenAI CLIP name ("ViT-B/32", ...), "starter", or "hashing" (tests only).
    model: str = "ViT-B/32"
    # "auto" takes CUDA when torch sees a device, else the processor.
    device: str = "auto"
    # "auto" picks bf16 or fp16 where the hardware computes in it, else fp32.
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    # A file of CLIP weights to use before the cache and before any download.
    clip_weights: Path | None = None
    # Folder where downloaded CLIP weights are kept.
    clip_cache: Path = Path("~/.cache/clip")
    # Folder of what a worker computes once and would otherwise compute at every start.
    cache_dir: Path = Path("~/.cache/glimpse")
    # An address that serves the official files under their own names, asked last.
    clip_mirror: str = ""

    # A sentence with one {} that texts of up to three words are wrapped into before they are
    # embedded, such as "a photo of a {}"; empty leaves texts as they are.
    prompt_template: str = ""
    # Embeddings of texts that a search worker keeps; 0 keeps none.
    query_cache: int = Field(default=4096, ge=0, le=1_000_000)

    # Pictures in one batch of the model, at most; "auto" measures at the worker's start.
    batch_max: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"
    # Longest time a picture waits for its batch to fill, in milliseconds.
    batch_wait_ms: float = Field(default=10.0, ge=0, le=10_000)
    # Pictures carried by one ingest task, at most.
    chunk_images: int = Field(default=32, ge=1, le=1000)
    # Threads of an ingest worker, each with one task in hand.
    worker_threads: int = Field(default=4, ge=1, le=64)
    # Threads of a search worker, each with one search in hand: those that wait for the model
    # share its next batch.
    search_threads: int = Field(default=16, ge=1, le=64)
    # Threads of an ingest worker that read and decode; 0 takes one for each core.
    decode_threads: int = Field(default=0, ge=0, le=256)
    # Batches that an ingest worker has in its model at once; 0 takes one for each of the first
    # four cores of a processor, and one on a GPU.
    model_threads: int = Field(default=0, ge=0, le=64)
    # How far an ingest worker stands back where processors are short (as `nice` counts), so that
    # searches come first.
    ingest_nice: int = Field(default=10, ge=0, le=19)
    # Threads torch computes a batch with; 0 divides the cores among the batches.
    torch_threads: int = Field(default=0, ge=0, le=1024)

    # Bytes of one request's body, at most.
    upload_bytes_max: int = Field(default=2 * 1024**3, ge=1)
    # Bytes of one picture, at most.
    image_bytes_max: int = Field(default=64 * 1024**2, ge=1)
    # Pixels of one picture, at most: what a decoded picture may take, times three bytes.
    image_pixels_max: int = Field(default=100_000_000, ge=1)
    # Entries of one archive, at most, pictures or not.
    archive_entries_max: int = Field(default=500_000, ge=1)
    # Bytes that one archive may unpack to.
    archive_bytes_max: int = Field(default=64 * 1024**3, ge=1)
    # Bytes that come out of an archive for each byte of it, at most.
    archive_ratio_max: int = Field(default=200, ge=1)
    # Pictures in one request, at most.
    upload_parts_max: int = Field(default=10_000, ge=1)
    # Seconds that an upload may have to wait for the ingest workers; past that it is refused.
    max_wait_s: float = Field(default=900.0, ge=0, allow_inf_nan=False)

    # Seconds after which the tasks of a worker that was not heard of go to another one; a
    # worker that lives renews them every third of it, however long they take.
    lease_s: int = Field(default=60, ge=1)
    # Seconds between two looks for tasks whose lease has run out.
    lease_sweep_s: float = Field(default=10.0, gt=0)
    # Attempts at an image that may end in the death of a worker before it is quarantined.
    attempts_max: int = Field(default=3, ge=1, le=100)
    # Seconds a worker that is told to end has for what is in hand; the rest goes back.
    grace_s: float = Field(default=25.0, ge=0)
    # Seconds that a finished job's record and the results of its tasks are kept.
    job_ttl_s: int = Field(default=7 * 86_400, ge=60)
    # Seconds that an idempotency key is remembered; no longer than its job.
    idempotency_ttl_s: int = Field(default=86_400, ge=60)
    # Seconds that a search and its hits are kept.
    search_ttl_s: int = Field(default=3600, ge=10)
    # Seconds a search may wait for a worker before it is given up.
    search_expires_s: int = Field(default=60, ge=1)
    # Longest time a caller may hold a request open with `Prefer: wait`, in seconds.
    wait_s_max: float = Field(default=30.0, gt=0)
    # Streams of events that a process of the API has at once; each has a thread of its own.
    events_max: int = Field(default=8, ge=0, le=200)
    # Requests of a process of the API that wait for a search worker at once (`Prefer: wait`,
    # and what is asked of images); each has a thread of its own.
    waits_max: int = Field(default=32, ge=1, le=200)
    # Seconds of silence after which a stream says that it is still there.
    events_heartbeat_s: float = Field(default=15.0, gt=0)
    # Seconds to wait before an ingest task is tried again while Milvus or Redis is away.
    retry_s: float = Field(default=2.0, gt=0)
    # Longest such wait, in seconds; it doubles from try to try.
    retry_s_max: float = Field(default=30.0, gt=0)
    # Seconds that the bytes of an accepted image may be missing from a blob store that is
    # otherwise there; then it fails.
    missing_s: float = Field(default=300.0, ge=0, allow_inf_nan=False)
    # Seconds between two heartbeats of a worker; it counts as gone after three.
    heartbeat_s: float = Field(default=5.0, gt=0)

    # Who may do everything while there are no keys: "loopback" is this machine itself,
    # "network" whoever reaches the API, "nobody" asks for a key from the start.
    open_to: Literal["loopback", "network", "nobody"] = "loopback"
    # Seconds that a process of the API goes by what it knows of a key: so long may one that
    # was revoked still work.
    key_cache_s: float = Field(default=2.0, ge=0, le=60)

    # Requests that a key may make, such as "600/minute"; empty is no bound.
    rate_limit: str = Field(default="", pattern=r"^([1-9][0-9]{0,8}/(second|minute|hour|day))?$")

    # Seconds within which the request line and headers of a request must be there.
    client_head_s: float = Field(default=10.0, gt=0, le=3600)
    # Seconds that a client may pause while it sends a body or reads an answer.
    client_silence_s: float = Field(default=30.0, gt=0, le=3600)
    # Bytes a second at which a client may send or read for as long as it likes; a slower one uses
    # up its pause.
    client_bytes_per_s_min: int = Field(default=16 * 1024, ge=1)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def api_threads(self) -> int:
        """Threads of a process of the API: one for each stream and wait, and 16 for the rest."""
        return _API_THREADS + self.events_max + self.waits_max

    @property
    def archives_dir(self) -> Path:
        """Folder where uploaded archives wait to be unpacked; of the same volume as the blobs."""
        return self.blobs_dir / "archives"

    @property
    def queries_dir(self) -> Path:
        """Folder of uploaded pictures that are searched by; of the same volume as the blobs."""
        return self.blobs_dir / "queries"

    @field_validator("prompt_template")
    @classmethod
    def _one_place(cls, template: str) -> str:
        if template and (
            template.count("{}") != 1 or template.count("{") + template.count("}") > 2
        ):
            raise ValueError("must have exactly one {}, where the text goes, and no other brace")
        return template


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environ: Variables to read instead of the process's own.

    Raises:
        InvalidSettings: A ``GLIMPSE_`` variable is unknown or its value cannot be used.
    """
    variables = os.environ if environ is None else environ
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and name not in _CLIENT_VARIABLES
    }
    for name in given:
        if name not in Settings.model_fields:
            raise InvalidSettings(_unknown(name))
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise InvalidSettings(_refused(error)) from error


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f" Did you mean {PREFIX}{close[0].upper()}?" if close else ""
    return f"{PREFIX}{name.upper()} is no setting of Glimpse.{hint}"


def _refused(error: ValidationError) -> str:
    lines = []
    for entry in error.errors():
        name = str(entry["loc"][0])
        value = "" if name in _SECRETS else f" (it is {entry['input']!r})"
        lines.append(f"{PREFIX}{name.upper()}: {entry['msg']}{value}")
    return "; ".join(lines)
