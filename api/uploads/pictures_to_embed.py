"""Pictures to embed: a multipart body with the pictures and the rest of the request."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flask import Request

from api.schemas.body import read_text
from api.schemas.embedding import PICTURES_MAX, EmbeddingsBody
from api.services import Services
from api.uploads.form import Form, read_form
from common.errors import BlobsUnavailable, InputFailed, InvalidRequest, Unprocessable

# The parts of the body.
_PICTURES, _EMBEDDINGS = "file", "embeddings"


@contextmanager
def received_pictures(
    request: Request, services: Services, tenant: str
) -> Iterator[tuple[EmbeddingsBody, list[str]]]:
    """Read a multipart body; yield the rest of it and the ids of its pictures.

    The pictures are stored with those of searches, for the block only.

    Args:
        request: The request.
        services: The services of the app.
        tenant: The owner of the pictures.

    Raises:
        InvalidRequest: A part is missing, unknown or malformed.
        Unprocessable: A field is invalid, or there are too many pictures.
        InputFailed: A picture is too large or not a picture.
    """
    form = read_form(request, services.queries, tenant, services.settings.image_bytes_max)
    stored: list[str] = []
    try:
        _check(form)
        rest = form.field(_EMBEDDINGS)
        body = read_text("{}" if rest is None else rest, EmbeddingsBody, _EMBEDDINGS)
        for number, (_, _, picture) in enumerate(form.files):
            stored.append(uuid.uuid4().hex)
            error = picture.finish("", stored[-1]).error
            if error is not None:
                errors = [{"field": f"{_PICTURES}.{number}", "detail": str(error)}]
                raise InputFailed(error.code, errors)
        yield body, stored
    finally:
        form.close()
        for picture_id in stored:
            # A picture that cannot be removed now expires with those of searches.
            with suppress(BlobsUnavailable):
                services.queries.delete(tenant, picture_id)


def _check(form: Form) -> None:
    form.refuse_unknown(
        _PICTURES,
        _EMBEDDINGS,
        "Send each picture in a part named file, with a file name, and the rest as JSON in a part"
        " named embeddings.",
    )
    if not form.files:
        detail = "There is no picture; send it in a part named file, or send JSON."
        raise InvalidRequest(detail, field=_PICTURES)
    if len(form.files) > PICTURES_MAX:
        detail = f"There are {len(form.files)} pictures; send up to {PICTURES_MAX} per request."
        raise Unprocessable(detail, field=_PICTURES)
