"""``/v1/jobs``: the progress of jobs and the outcome of each image."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.http.answers import ASK_AGAIN, answered
from api.http.conditional import conditional
from api.http.job_events import MEDIA_TYPE, JobEvents
from api.routes.accepted import accepted
from api.routes.current import current_tenant, key_check, links, services, slots
from api.schemas.body import ItemsQuery, read_json, read_query
from api.schemas.job import Items, Job, Jobs, OpenJobBody
from api.schemas.links import JOBS
from api.schemas.pagination import JobsQuery
from api.server.connection import is_closed_by_client
from api.uploads.open_job import complete_job, open_job
from common.errors import NotFound
from common.jobs.base import FINAL_STATES
from common.jobs.base import Job as JobRecord

blueprint = Blueprint("jobs", __name__, url_prefix=JOBS)


@blueprint.post("")
def create() -> Response:
    """Open a job, to which uploads add their pictures."""
    body = read_json(request, OpenJobBody)
    return accepted(open_job(services(), current_tenant(), request, body))


@blueprint.get("")
def index() -> Response:
    """List jobs, newest first."""
    query, records, tenant = read_query(request, JobsQuery), services().jobs, current_tenant()
    if query.name is None:
        found, following = records.page(tenant, query.state, query.limit, query.cursor)
    else:
        named, following = records.find_open(tenant, query.name), None
        found = [named] if named and query.state in (None, named.state) else []
    return answered(Jobs.of(found, following, services().clock.now(), links()))


@blueprint.get("/<record_id:job_id>")
def show(job_id: str) -> Response:
    """Return a job's progress."""
    job = _find(job_id)
    headers = {} if job.state in FINAL_STATES else ASK_AGAIN
    response = answered(_view(job), headers=headers)
    # Weak: the estimated time differs between responses although the job has not changed.
    # The total is included because a job may grow before any of its images is done.
    response.set_etag(f"{job.state}-{job.done}-{job.total}-{job.growing:d}", weak=True)
    return conditional(response, request)


@blueprint.delete("/<record_id:job_id>")
def cancel(job_id: str) -> Response:
    """Cancel images not yet started; returns the updated job."""
    _find(job_id)
    services().jobs.cancel(job_id)
    return answered(_view(_find(job_id)), 202)


@blueprint.post("/<record_id:job_id>/complete")
def complete(job_id: str) -> Response:
    """Complete an open job: no more pictures are added; returns the updated job."""
    return answered(_view(complete_job(services(), _find(job_id))))


@blueprint.get("/<record_id:job_id>/items")
def items(job_id: str) -> Response:
    """List a job's images."""
    query = read_query(request, ItemsQuery)
    _find(job_id)
    found, following = services().jobs.items(job_id, query.state, query.limit, query.cursor)
    return answered(Items.of(found, following))


@blueprint.get("/<record_id:job_id>/events")
def events(job_id: str) -> Response:
    """Stream a job's progress as Server-Sent Events until it ends."""
    _find(job_id)
    here, jobs, tenant = links(), services().jobs, current_tenant()
    environ, is_closing, check_key = request.environ, slots().is_closing, key_check()
    clock, leave = services().clock, slots().streams.take()

    # The request context is gone while the stream runs, so everything is captured here.
    def read() -> JobRecord:
        check_key()
        return _of(tenant, jobs.get(job_id))

    stream = JobEvents(
        read=read,
        view=lambda job: Job.of(job, clock.now(), here),
        heartbeat_s=services().settings.events_heartbeat_s,
        is_over=lambda: is_closing() or is_closed_by_client(environ),
    )
    response = Response(iter(stream), mimetype=MEDIA_TYPE)
    response.call_on_close(leave)
    response.headers["Cache-Control"] = "no-store"
    # Otherwise nginx buffers the events.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _view(job: JobRecord) -> Job:
    return Job.of(job, services().clock.now(), links())


def _find(job_id: str) -> JobRecord:
    return _of(current_tenant(), services().jobs.get(job_id))


def _of(tenant: str, job: JobRecord) -> JobRecord:
    if job.tenant != tenant:
        raise NotFound(f"There is no job {job.id}, or it has expired.")
    return job
