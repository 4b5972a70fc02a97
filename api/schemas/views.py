"""JSON as callers see it: jobs, items, images, searches and dead letters with their links."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for

from api.dispatch.base import TaskResult
from api.search_records import SearchRecord
from api.services import services
from api.uploads.begin_once import Begun
from common.contract import Hit, ImageRecord, SearchResult
from common.dead_letters.base import QUARANTINED, DeadLetter
from common.jobs.base import Item, Job
from common.rfc3339 import rfc3339

Json = dict[str, Any]

# Seconds after which a caller may ask for a fresh job again.
_POLL_S = 1


def accepted(begun: Begun) -> tuple[Response, int]:
    """Answer with a job that was begun: 202, its URL, and when to poll it."""
    response = jsonify(job_view(begun.job, services().clock.now()))
    response.headers["Location"] = url_for("jobs.show", job_id=begun.job.id)
    response.headers["Retry-After"] = str(_POLL_S)
    if begun.by_earlier_request:
        response.headers["Idempotency-Replayed"] = "true"
    return response, 202


def nothing() -> Response:
    """Answer that it is gone: 204, which has no body and so no type of one."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def job_view(job: Job, now: float, links: Json | None = None) -> Json:
    """Return a job as the API shows it.

    Args:
        job: The job.
        now: The time by the clock of its record.
        links: Its links; without them there has to be a request, which tells where they begin.
    """
    rate, eta = job.rate_per_s(now), job.eta_s(now)
    return {
        "id": job.id,
        "kind": "ingest",
        "state": job.state,
        "total": job.total,
        "indexed": job.indexed,
        "duplicates": job.duplicates,
        "failed": job.failed,
        "cancelled": job.cancelled,
        "progress": _progress(job),
        "rate_per_s": None if rate is None else round(rate, 2),
        "eta_s": None if eta is None else round(eta, 1),
        "created_at": rfc3339(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "links": links or job_links(job.id),
    }


def job_links(job_id: str) -> Json:
    """Return where a job and what belongs to it are."""
    # The others lie below it; each that is built from its route costs a poll some percent.
    job = url_for("jobs.show", job_id=job_id)
    return {"self": job, "items": f"{job}/items", "events": f"{job}/events"}


def _progress(job: Job) -> float:
    if job.total == 0:
        return 0.0 if job.growing else 1.0
    return round(job.done / job.total, 4)


def item_view(item: Item) -> Json:
    """Return one image of a job as the API shows it."""
    return {
        "id": item.id,
        "filename": item.filename,
        "state": item.state,
        "code": item.code,
        "detail": item.detail,
    }


def image_view(image: ImageRecord) -> Json:
    """Return an indexed image as the API shows it."""
    return image.model_dump(mode="json") | {"links": _image_links(image.id)}


def dead_letter_view(letter: DeadLetter) -> Json:
    """Return a dead letter as the API shows it."""
    links = {
        "replay": url_for("dead_letters.replay", image_id=letter.id),
        "content": url_for("images.content", image_id=letter.id),
        "thumbnail": url_for("images.thumbnail", image_id=letter.id),
        "job": url_for("jobs.show", job_id=letter.job_id),
    }
    if letter.code == QUARANTINED:
        # It may have killed the workers that decoded it, and a thumbnail is decoded here.
        del links["thumbnail"]
    kept = letter.model_dump(mode="json", exclude={"tenant", "at"})
    return kept | {"dead_at": rfc3339(letter.at), "links": links}


def search_view(record: SearchRecord, task: TaskResult) -> Json:
    """Return a search as the API shows it, with its hits once they are there."""
    view: Json = {
        "id": record.id,
        "state": task.state,
        "hits": [],
        "encoder": None,
        "took_ms": None,
        "error": None,
        "top_k": record.request.top_k,
        "offset": record.request.offset,
        "created_at": rfc3339(record.created_at),
        "links": {
            "self": url_for("searches.show", search_id=record.id),
            "contact_sheet": url_for("searches.contact_sheet", search_id=record.id),
        },
    }
    if task.state == "succeeded":
        view |= _answer(SearchResult.model_validate(task.value), record.request.offset)
    elif task.state == "failed":
        view["error"] = {"code": "search_failed", "detail": "The search was given up; ask again."}
    return view


def _answer(result: SearchResult, offset: int) -> Json:
    if result.error is not None:
        return {"state": "failed", "error": result.error.model_dump(), "encoder": result.encoder}
    hits = [_hit(hit, rank) for rank, hit in enumerate(result.hits, start=offset + 1)]
    return {"hits": hits, "encoder": result.encoder, "took_ms": result.took_ms}


def _hit(hit: Hit, rank: int) -> Json:
    duplicates = [
        duplicate.model_dump(mode="json") | {"links": _image_links(duplicate.id)}
        for duplicate in hit.duplicates
    ]
    view = {"rank": rank} | hit.model_dump(mode="json") | {"duplicates": duplicates}
    return view | {"links": _image_links(hit.id)}


def _image_links(image_id: str) -> Json:
    return {
        "self": url_for("images.show", image_id=image_id),
        "content": url_for("images.content", image_id=image_id),
        "thumbnail": url_for("images.thumbnail", image_id=image_id),
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
