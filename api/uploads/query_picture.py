"""Searches by picture: a multipart body with the picture and the rest of the search."""

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
    """Read a multipart search and store its picture with those of other queries.

    Args:
        request: The request.
        services: The services of the app.
        tenant: The owner of the search.
        picture_id: The id under which to store the picture.

    Raises:
        InvalidRequest: A part is missing, unknown or malformed.
        Unprocessable: A field of the search is invalid.
        ImageError: The picture is too large or not a picture.
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
        "Send the picture in a part named file, with a file name, and the rest as JSON in a part"
        " named search.",
    )
    if not form.files:
        raise InvalidRequest("There is no picture; send one in a part named file.", field=_PICTURE)
    if len(form.files) > 1:
        detail = "There is more than one picture; send only one part named file."
        raise InvalidRequest(detail, field=_PICTURE)
    _, _, picture = form.files[0]
    return picture
