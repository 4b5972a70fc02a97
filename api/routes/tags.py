"""``/v1/tags``: the tags of images."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.http.answers import answered
from api.routes.current import catalog
from api.schemas.body import read_query
from api.schemas.tag import TagCounts, TagsQuery

blueprint = Blueprint("tags", __name__, url_prefix="/v1/tags")


@blueprint.get("")
def index() -> Response:
    """List tags, the most frequent first."""
    query = read_query(request, TagsQuery)
    return answered(TagCounts.of(catalog().tags(query.q, query.limit)))
