"""Searches by picture: a multipart body with the picture and what else is asked."""

from __future__ import annotations

from flask import Request

from api.schemas.body import read_text
from api.schemas.search import SearchBody
from api.services import Services
from api.uploads.form import Form, read_form
from common.errors import InvalidRequest
from common.images.received import PictureWriter

# The parts of a search by picture.
_PICTURE, _SEARCH = "file", "search"


def read_picture_search(
    request: Request, services: Services, tenant: str, picture_id: str
) -> SearchBody:
    """Read a multipart search and keep its picture among those of queries.

    Args:
        request: Its body is read.
        services: Where the picture goes, and how large it may be.
        tenant: Whose search it is.
        picture_id: What the picture is kept under.

    Raises:
        InvalidRequest: A part is missing, unknown or malformed.
        Unprocessable: A field of the search is.
        ImageError: The picture is too large, or the bytes are none.
    """
    limit = services.settings.image_bytes_max
    form = read_form(request, services.queries, tenant, limit)
    try:
        picture = _picture(form)
        search = form.field(_SEARCH)
        body = read_text("{}" if search is None else search, SearchBody, _SEARCH)
        error = picture.finish("", picture_id).error
        if error is not None:
            raise error
        return body
    finally:
        form.close()


def _picture(form: Form) -> PictureWriter:
    form.refuse_unknown(
        _PICTURE,
        _SEARCH,
        "The picture goes into a part named file, with a file name; the rest goes as JSON into a"
        " part named search.",
    )
    if not form.files:
        raise InvalidRequest("There is no picture; send one in a part named file.", field=_PICTURE)
    if len(form.files) > 1:
        detail = "There is more than one picture; send one part named file."
        raise InvalidRequest(detail, field=_PICTURE)
    _, _, picture = form.files[0]
    return picture
