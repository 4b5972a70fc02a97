"""Preparing a picture for the model, where anything may go wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import EncoderError, GlimpseError

log = logging.getLogger(__name__)


@contextmanager
def preparing(picture_id: str) -> Iterator[None]:
    """Let a fault that nobody foresaw be that of this one picture.

    Args:
        picture_id: What the log calls it.

    Raises:
        EncoderError: The picture cannot be prepared, for such a reason.
    """
    try:
        yield
    except GlimpseError:
        raise
    except Exception as error:
        log.exception("picture.not_prepared id=%s", picture_id)
        raise EncoderError(f"The picture could not be prepared: {error}") from error
