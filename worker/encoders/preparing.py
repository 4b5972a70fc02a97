"""Translates unexpected errors while a picture is prepared for the model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import EncoderError, GlimpseError

log = logging.getLogger(__name__)


@contextmanager
def preparing(picture_id: str) -> Iterator[None]:
    """Turn an unexpected error into a failure of this one picture.

    Args:
        picture_id: The picture's id in the log.

    Raises:
        EncoderError: Decoding or preprocessing failed unexpectedly.
    """
    try:
        yield
    except GlimpseError:
        raise
    except Exception as error:
        log.exception("picture.not_prepared id=%s", picture_id)
        raise EncoderError(f"The picture could not be prepared: {error}") from error
