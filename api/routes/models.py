"""``/v1/models`` and ``/v1/reindex``: the models, and the change from one to another."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api import models
from api.http.answers import ASK_AGAIN, answered, nothing
from api.routes.current import catalog_worker, services
from api.schemas.body import read_json, read_query
from api.schemas.links import MODELS, REINDEX
from api.schemas.model import DropQuery, Reindex, ReindexBody, UseBody

blueprint = Blueprint("models", __name__)


@blueprint.get(MODELS)
def index() -> Response:
    """List the models that have a collection."""
    return answered(models.list_models(services(), catalog_worker()))


@blueprint.put(f"{MODELS}/active")
def use() -> Response:
    """Switch all uploads and searches to another model, once it has every image."""
    body = read_json(request, UseBody)
    models.use_model(services(), body.model, allow_missing=body.allow_missing)
    return answered(models.list_models(services(), catalog_worker()), 202, ASK_AGAIN)


@blueprint.delete(MODELS)
def drop() -> Response:
    """Drop the collection of a model that is not active."""
    models.drop_model(services(), catalog_worker(), read_query(request, DropQuery).model)
    return nothing()


@blueprint.get(REINDEX)
def show_reindex() -> Response:
    """Get the last reindex and its progress."""
    return answered(Reindex.of(models.last_reindex(services())), headers=ASK_AGAIN)


@blueprint.post(REINDEX)
def start_reindex() -> Response:
    """Embed all images with another model, beside the active one."""
    body = read_json(request, ReindexBody)
    found = models.start_reindex(services(), body.model)
    return answered(Reindex.of(found), 202, ASK_AGAIN)


@blueprint.delete(REINDEX)
def cancel_reindex() -> Response:
    """Cancel the reindex; the images that it has embedded stay."""
    return answered(Reindex.of(models.cancel_reindex(services())))
