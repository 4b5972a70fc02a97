"""Response models of jobs, their images and their event streams."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.schemas.answer import Answer, Count, Share, Time, time_or_none
from api.schemas.body import Body, OwnValue, callback_field, check_metadata, metadata_field
from api.schemas.edit import FileName
from api.schemas.links import Links
from common.contract import OnDuplicate
from common.ids import ImageId, RecordId
from common.images.metadata_limits import (
    TAGS_MAX,
    OwnKey,
    Tag,
)
from common.jobs.base import Item as ItemRecord
from common.jobs.base import ItemState, JobKind, JobState
from common.jobs.base import Job as JobRecord
from common.rfc3339 import rfc3339
from common.webhooks.url import CallbackUrl


class OpenJobBody(Body):
    """Body of ``POST /v1/jobs``: a name for the job, and what is stored with each picture."""

    name: FileName | None = Field(default=None, description="What you call the job.")
    tags: list[Tag] = Field(default=[], max_length=TAGS_MAX)
    on_duplicate: OnDuplicate = "merge"
    metadata: dict[OwnKey, OwnValue] = metadata_field("Values under your own keys.")
    callback_url: CallbackUrl | None = callback_field()

    @model_validator(mode="after")
    def _bounded(self) -> OpenJobBody:
        check_metadata(self.metadata)
        return self


@dataclass(slots=True)
class Job(Answer):
    """The work of an upload, or of one change of indexed images, with its progress."""

    id: RecordId
    kind: JobKind
    name: Annotated[
        str | None, Field(description="The name it was opened with, or its archive's file name.")
    ]
    open: Annotated[bool, Field(description="Whether uploads may add pictures to it.")]
    state: JobState
    total: Count
    indexed: Count
    duplicates: Count
    changed: Annotated[
        Count,
        Field(description="The duplicates whose tags, metadata or names the upload changed."),
    ]
    modified: Count
    unchanged: Count
    failed: Count
    cancelled: Count
    skipped: Annotated[
        dict[str, Count],
        Field(description="What an archive contains besides pictures: numbers of files by kind."),
    ]
    progress: Share
    rate_per_s: float | None
    eta_s: float | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    links: dict[str, str]

    @classmethod
    def of(cls, record: JobRecord, now: float, links: Links) -> Job:
        """Build the response model of a job.

        Args:
            record: The job.
            now: The current time by the clock that the record uses.
            links: Builds the links.
        """
        rate, eta = record.rate_per_s(now), record.eta_s(now)
        return cls(
            id=record.id,
            kind=record.kind,
            name=record.name,
            open=record.is_open,
            state=record.state,
            total=record.total,
            indexed=record.indexed,
            duplicates=record.duplicates,
            changed=record.changed,
            modified=record.modified,
            unchanged=record.unchanged,
            failed=record.failed,
            cancelled=record.cancelled,
            skipped=dict(record.skipped),
            progress=_progress(record),
            rate_per_s=None if rate is None else round(rate, 2),
            eta_s=None if eta is None else round(eta, 1),
            created_at=rfc3339(record.created_at),
            started_at=time_or_none(record.started_at),
            finished_at=time_or_none(record.finished_at),
            links=links.of_job(record.id),
        )


@dataclass(slots=True)
class JobEvent(Answer):
    """One event of a job's stream; comments between events are heartbeats."""

    event: Annotated[
        Literal["progress", "end", "error"],
        Field(description="Whether the job has changed, has ended or cannot be read."),
    ]
    data: Annotated[
        str,
        Field(
            description="The job, or the `code` and `detail` of an error.",
            json_schema_extra={"contentMediaType": "application/json"},
        ),
    ]

    @classmethod
    def of(cls, event: Literal["progress", "end", "error"], answer: Answer) -> JobEvent:
        """Build the event that carries an answer."""
        return cls(event, json.dumps(answer.plain()))

    @property
    def text(self) -> str:
        """The event in the stream's format."""
        return f"event: {self.event}\ndata: {self.data}\n\n"


@dataclass(slots=True)
class Jobs(Answer):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None

    @classmethod
    def of(
        cls, records: Iterable[JobRecord], next_cursor: str | None, now: float, links: Links
    ) -> Jobs:
        """Build the response page."""
        return cls([Job.of(record, now, links) for record in records], next_cursor)


@dataclass(slots=True)
class Item(Answer):
    """One image of a job, with its state."""

    id: ImageId
    filename: str
    state: ItemState
    code: str | None
    detail: str | None
    changed: Annotated[
        bool,
        Field(description="Whether the upload changed the tags, metadata or names of a duplicate."),
    ]

    @classmethod
    def of(cls, record: ItemRecord) -> Item:
        """Build the response model of a job's image."""
        return cls(
            record.id,
            record.filename,
            record.state,
            record.code,
            record.detail,
            record.changed,
        )


@dataclass(slots=True)
class Items(Answer):
    """A page of a job's images, in upload order."""

    items: list[Item]
    next_cursor: str | None

    @classmethod
    def of(cls, records: Iterable[ItemRecord], following: int | None) -> Items:
        """Build the response page.

        Args:
            records: The images.
            following: The index of the next page's first image, if there is a next page.
        """
        cursor = None if following is None else str(following)
        return cls([Item.of(record) for record in records], cursor)


def _progress(record: JobRecord) -> float:
    if record.total == 0:
        return 0.0 if record.growing else 1.0
    return round(record.done / record.total, 4)
