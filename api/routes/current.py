"""The routes' access to Flask's globals; everything else takes parameters."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, request

from api.auth import authorization
from api.auth.caller import current_caller
from api.catalog import Catalog
from api.http.stream_slots import ProcessSlots, slots_of
from api.pictures.thumbnails import Thumbnails
from api.schemas.links import Links
from api.search_worker import SearchWorker
from api.services import Services, services_of
from common.contract import CATALOG_QUEUE, SEARCH_QUEUE


def services() -> Services:
    """Return the services of the current request's app."""
    return services_of(current_app)


def slots() -> ProcessSlots:
    """Return the stream slots of the current request's app."""
    return slots_of(current_app)


def current_tenant() -> str:
    """Return the tenant of the current request."""
    return current_caller().tenant


def key_check() -> Callable[[], None]:
    """Return a function that checks the current request's key again."""
    return authorization.key_check(current_app, current_caller())


def catalog() -> Catalog:
    """Return the catalog of the current request's tenant."""
    return Catalog(catalog_worker(), current_tenant())


def search_worker() -> SearchWorker:
    """Return the search worker that answers the current request with the model."""
    return SearchWorker(services().dispatcher, SEARCH_QUEUE, slots().waits)


def catalog_worker() -> SearchWorker:
    """Return the search worker that answers the current request without the model."""
    return SearchWorker(services().dispatcher, CATALOG_QUEUE, slots().catalog)


def thumbnails() -> Thumbnails:
    """Return the thumbnails of the current request's tenant."""
    parts = services()
    return Thumbnails(
        parts.blobs, parts.claims, parts.dead_letters, catalog_worker(), current_tenant()
    )


def links() -> Links:
    """Return the links under the path at which the current request reached the API."""
    return Links(request.script_root)
