"""What callers get, as models: the schemas of the OpenAPI document's answers.

The routes make their answers in ``api.schemas.views``; these models say what is in them, and
tests hold every answer against them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.dispatch.base import TaskState
from api.http.problems import CODES
from common.contract import MetadataValue
from common.ids import ImageId, RecordId
from common.jobs.base import ItemState, JobState

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Links = dict[str, str]


class Answer(BaseModel):
    """Base of what callers get: nothing else is in it."""

    model_config = ConfigDict(extra="forbid")


class Job(Answer):
    """What one upload asks for, and how far it is."""

    id: RecordId
    kind: Literal["ingest"]
    state: JobState
    total: Count
    indexed: Count
    duplicates: Count
    failed: Count
    cancelled: Count
    progress: Share
    rate_per_s: float | None
    eta_s: float | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    links: Links


class JobEvent(Answer):
    """One event of a job's stream; comments between them are heartbeats."""

    event: Literal["progress", "end", "error"] = Field(
        description="What has happened: the job has changed, has ended, or cannot be read."
    )
    data: str = Field(
        description="The job, or the `code` and `detail` of an error.",
        json_schema_extra={"contentMediaType": "application/json"},
    )


class Jobs(Answer):
    """A page of jobs, the newest first."""

    jobs: list[Job]
    next_cursor: str | None


class Item(Answer):
    """One image of a job, and where it stands."""

    id: ImageId
    filename: str
    state: ItemState
    code: str | None
    detail: str | None


class Items(Answer):
    """A page of a job's images, in the order of the upload."""

    items: list[Item]
    next_cursor: str | None


class Image(Answer):
    """What is known of an indexed image."""

    id: ImageId
    filename: str
    bytes: Count
    width: Count
    height: Count
    format: str
    tags: list[str]
    metadata: dict[str, MetadataValue]
    indexed_at: Time
    links: Links


class Images(Answer):
    """A page of images, the newest first."""

    images: list[Image]
    next_cursor: str | None


class Checked(Answer):
    """Which images a search can find, and which it cannot."""

    known: list[ImageId]
    missing: list[ImageId]


class Duplicate(Answer):
    """An image so much like a better hit that it is shown with it."""

    id: ImageId
    score: float
    filename: str
    links: Links


class Hit(Answer):
    """An image found."""

    rank: Annotated[int, Field(ge=1)]
    id: ImageId
    score: float
    filename: str
    tags: list[str]
    duplicates: list[Duplicate]
    links: Links


class Failure(Answer):
    """Why a search failed."""

    code: str
    detail: str


class Search(Answer):
    """A search, with its hits once they are there, best first."""

    id: RecordId
    state: TaskState
    hits: list[Hit]
    encoder: str | None
    took_ms: float | None
    error: Failure | None
    top_k: int
    offset: int
    created_at: Time
    links: Links


class DeadLetter(Answer):
    """An image that was given up for no fault of its caller's."""

    id: ImageId
    filename: str
    code: str
    detail: str
    attempts: Count
    job_id: RecordId
    tags: list[str]
    metadata: dict[str, MetadataValue]
    dead_at: Time
    links: Links


class DeadLetters(Answer):
    """A page of dead letters, the newest first."""

    dead_letters: list[DeadLetter]
    next_cursor: str | None


class Health(Answer):
    """That the process answers."""

    status: Literal["ok"]


class Part(Answer):
    """One part of the service."""

    part: str
    ok: bool
    detail: str
    workers: Count | None = None
    model: str | None = None
    inference_age_s: float | None = None


class Readiness(Answer):
    """That every part is there."""

    status: Literal["ready"]
    parts: list[Part]


class FieldError(Answer):
    """What is wrong with one field of a request; of ``/readyz``, a part that is missing."""

    field: str
    detail: str


class Problem(Answer):
    """Why a request has no other answer (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: Annotated[str, Field(json_schema_extra={"enum": list(CODES)})]
    request_id: str
    errors: list[FieldError] | None = None
