"""``/v1/webhooks``: the messages that jobs have ended, and the secret that signs them."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.http.answers import answered
from api.routes.current import current_tenant, links, services
from api.schemas.body import read_query
from api.schemas.links import WEBHOOKS
from api.schemas.webhook import Deliveries, DeliveriesQuery, Delivery, Secret

blueprint = Blueprint("webhooks", __name__, url_prefix=WEBHOOKS)

# A delivery has the id of its job.
_JOB_ID = "<record_id:job_id>"


@blueprint.get("/deliveries")
def index() -> Response:
    """List deliveries, newest first."""
    query = read_query(request, DeliveriesQuery)
    page = services().webhooks.page(current_tenant(), query.state, query.limit, query.cursor)
    return answered(Deliveries.of(*page, links()))


@blueprint.get(f"/deliveries/{_JOB_ID}")
def show(job_id: str) -> Response:
    """Return the delivery of a job's end, with its last attempts."""
    return answered(Delivery.of(services().webhooks.get(current_tenant(), job_id), links()))


@blueprint.post(f"/deliveries/{_JOB_ID}/replay")
def replay(job_id: str) -> Response:
    """Send a message again; returns its delivery."""
    parts = services()
    again = parts.webhooks.replay(current_tenant(), job_id, parts.clock.now())
    return answered(Delivery.of(again, links()), 202)


@blueprint.post("/secret")
def rotate() -> Response:
    """Create a secret; the one before it stays valid for a day."""
    parts, tenant = services(), current_tenant()
    now = parts.clock.now()
    is_first = not parts.webhooks.secrets(tenant, now)
    return answered(Secret.of(parts.webhooks.rotate(tenant, now), is_first=is_first), 201)
