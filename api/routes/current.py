"""What routes take from Flask's globals; all that they call takes parameters."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, request

from api.auth import authorization
from api.auth.caller import current_caller
from api.catalog import Catalog
from api.http.stream_slots import ProcessSlots, slots_of
from api.pictures.thumbnails import Thumbnails
from api.schemas.links import Links
from api.services import Services, services_of


def services() -> Services:
    """Return the parts of the app that serves the current request."""
    return services_of(current_app)


def slots() -> ProcessSlots:
    """Return the slots of the process that serves the current request."""
    return slots_of(current_app)


def current_tenant() -> str:
    """Return the tenant of the current request."""
    return current_caller().tenant


def key_check() -> Callable[[], None]:
    """Return a function that checks the current request's key again."""
    return authorization.key_check(current_app, current_caller())


def catalog() -> Catalog:
    """Return the images of the current request's tenant."""
    return Catalog(services().dispatcher, slots().waits, current_tenant())


def thumbnails() -> Thumbnails:
    """Return the thumbnails of the app that serves the current request."""
    parts = services()
    pixels_max = parts.settings.image_pixels_max
    return Thumbnails(parts.blobs, parts.claims, parts.dead_letters, parts.pixels, pixels_max)


def links() -> Links:
    """Return what makes links to where the current request has reached the API."""
    return Links(request.script_root)
