"""``/v1/jobs``: how far a job is, and what became of each of its images."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from api.auth.authorization import still_welcome
from api.auth.caller import current_tenant
from api.http.conditional import conditional
from api.http.job_events import MEDIA_TYPE, JobEvents
from api.http.stream_slots import slots
from api.schemas.body import ItemsQuery, read_query
from api.schemas.pagination import JobsQuery
from api.schemas.views import item_view, job_links, job_view
from api.server.connection import is_closed_by_client
from api.services import services
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
    now = services().clock.now()
    return jsonify(jobs=[job_view(job, now) for job in found], next_cursor=following)


@blueprint.get("/<record_id:job_id>")
def show(job_id: str) -> Response:
    """Tell how far a job is."""
    job = _find(job_id)
    response = jsonify(job_view(job, services().clock.now()))
    if job.state not in FINAL_STATES:
        response.headers["Retry-After"] = str(_POLL_S)
    # Weak: the time left differs from one answer to the next, the job does not.
    # An archive's job grows before any image of it is done.
    response.set_etag(f"{job.state}-{job.done}-{job.total}", weak=True)
    return conditional(response, request)


@blueprint.delete("/<record_id:job_id>")
def cancel(job_id: str) -> tuple[Response, int]:
    """Cancel what no worker has begun; the answer is the job as it then stands."""
    _find(job_id)
    services().jobs.cancel(job_id)
    return jsonify(job_view(_find(job_id), services().clock.now())), 202


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


@blueprint.get("/<record_id:job_id>/events")
def events(job_id: str) -> Response:
    """Stream a job as Server-Sent Events until it has ended."""
    links, jobs, tenant = job_links(_find(job_id).id), services().jobs, current_tenant()
    environ, is_closing, check_key = request.environ, slots().is_closing, still_welcome()
    clock, leave = services().clock, slots().streams.take()

    # Of the request nothing is left while the stream goes on.
    def look() -> Job:
        check_key()
        return _of(tenant, jobs.get(job_id))

    stream = JobEvents(
        look=look,
        view=lambda job: job_view(job, clock.now(), links),
        heartbeat_s=services().settings.events_heartbeat_s,
        is_over=lambda: is_closing() or is_closed_by_client(environ),
    )
    response = Response(iter(stream), mimetype=MEDIA_TYPE)
    response.call_on_close(leave)
    response.headers["Cache-Control"] = "no-store"
    # nginx would gather the events until its buffer is full.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _find(job_id: str) -> Job:
    return _of(current_tenant(), services().jobs.get(job_id))


def _of(tenant: str, job: Job) -> Job:
    if job.tenant != tenant:
        raise NotFound(f"There is no job {job.id}, or it has expired.")
    return job
