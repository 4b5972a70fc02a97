"""What routes take from Flask's globals; what they call takes parameters."""

from __future__ import annotations

from flask import request

from api.schemas.links import Links


def links() -> Links:
    """Return what makes links to where the current request has reached the API."""
    return Links(request.script_root)
