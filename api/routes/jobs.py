"""``/v1/jobs``: how far a job is, and what became of each of its images."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from api.listing import JobsQuery
from api.schemas import ItemsQuery, read_query
from api.services import services
from api.tenancy import current_tenant
from api.views import item_view, job_view
from common.errors import NotFound
from common.jobs.base import FINAL_STATES, Job

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs")

# Seconds after which a caller may ask for a running job again.
_POLL_S = 1


@blueprint.get("")
def index() -> Response:
    """List jobs, the newest first, a page at a time."""
    query = read_query(request, JobsQuery)
    found, following = services().jobs.page(
        current_tenant(), query.state, query.limit, query.cursor
    )
    return jsonify(jobs=[job_view(job) for job in found], next_cursor=following)


@blueprint.get("/<record_id:job_id>")
def show(job_id: str) -> Response:
    """Tell how far a job is."""
    job = _find(job_id)
    response = jsonify(job_view(job))
    if job.state not in FINAL_STATES:
        response.headers["Retry-After"] = str(_POLL_S)
    # Weak: the time left differs from one answer to the next, the job does not.
    response.set_etag(f"{job.state}-{job.done}", weak=True)
    response.make_conditional(request)
    return response


@blueprint.delete("/<record_id:job_id>")
def cancel(job_id: str) -> tuple[Response, int]:
    """Cancel what no worker has begun; the answer is the job as it then stands."""
    _find(job_id)
    services().jobs.cancel(job_id)
    return jsonify(job_view(_find(job_id))), 202


@blueprint.get("/<record_id:job_id>/items")
def items(job_id: str) -> Response:
    """List the images of a job, a page at a time."""
    query = read_query(request, ItemsQuery)
    _find(job_id)
    found, following = services().jobs.items(job_id, query.state, query.limit, query.cursor)
    return jsonify(
        items=[item_view(item) for item in found],
        next_cursor=None if following is None else str(following),
    )


def _find(job_id: str) -> Job:
    job = services().jobs.get(job_id)
    if job.tenant != current_tenant():
        raise NotFound(f"There is no job {job_id}, or it has expired.")
    return job
