"""Serialization of a job as a Redis hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from common.contract import OnDuplicate
from common.jobs.base import COUNTERS, Job, JobKind


def job_key(job_id: str) -> str:
    """Return the key of a job's hash, which is the prefix of its other keys."""
    return f"glimpse:job:{job_id}"


def write_job(job: Job) -> Mapping[Any, str | int | float]:
    """Return the fields of a new job's hash."""
    fields: dict[Any, str | int | float] = {
        "tenant": job.tenant,
        "total": job.total,
        "created_at": job.created_at,
        # Its items and states are packed; a record of version 1 lacks this field.
        "packed": 1,
        "kept": json.dumps({"tags": list(job.tags), "metadata": dict(job.metadata)}),
        "on_duplicate": job.on_duplicate,
    }
    if job.failed:
        fields["failed"] = fields["done"] = job.failed
    if job.kind != "ingest":
        fields["kind"] = job.kind
    if job.growing:
        fields["growing"] = 1
    if job.source is not None:
        fields["source"] = job.source
    if job.opened:
        fields["opened"] = 1
    if job.name is not None:
        fields["name"] = job.name
    if job.callback_url is not None:
        fields["callback_url"] = job.callback_url
    if job.request is not None:
        fields["request"] = job.request
    return fields


def text_of(value: str | int | float) -> str:
    """Return a field's value as Redis stores it; Lua would round a number."""
    return repr(value) if isinstance(value, float) else str(value)


def read_job(job_id: str, fields: Mapping[str, str]) -> Job:
    """Return the job with the fields of its hash."""
    kept = json.loads(fields["kept"])
    return Job(
        id=job_id,
        tenant=fields["tenant"],
        kind=cast("JobKind", fields.get("kind", "ingest")),
        total=int(fields["total"]),
        created_at=float(fields["created_at"]),
        started_at=_seconds(fields.get("started_at")),
        finished_at=_seconds(fields.get("finished_at")),
        growing="growing" in fields,
        cut_short="cut_short" in fields,
        # A job of pictures, or one of an earlier version, has none.
        skipped=json.loads(fields.get("skipped", "{}")),
        source=fields.get("source"),
        opened="opened" in fields,
        name=fields.get("name"),
        callback_url=fields.get("callback_url"),
        request=fields.get("request"),
        tags=tuple(kept["tags"]),
        metadata=kept["metadata"],
        changed=int(fields.get("changed", 0)),
        # Earlier versions kept duplicates as they were.
        on_duplicate=cast("OnDuplicate", fields.get("on_duplicate", "keep")),
        **{counter: int(fields.get(counter, 0)) for counter in COUNTERS.values()},
    )


def _seconds(text: str | None) -> float | None:
    return float(text) if text else None
