"""Dead letters for tests, in memory or stored as a job would store them."""

from __future__ import annotations

from pathlib import Path

from common.blobs.folder import FolderBlobs
from common.contract import DEFAULT_TENANT
from common.dead_letters.base import DeadLetter
from common.dead_letters.redis import RedisDeadLetters
from common.redis.client import connect
from tests.support.pictures import image_id


def letter_about(name: str, **changes: object) -> DeadLetter:
    """Return a letter about a valid image that failed.

    Args:
        name: The image's id.
        changes: Fields to override.
    """
    fields = {
        "id": name,
        "tenant": DEFAULT_TENANT,
        "filename": "a.png",
        "job_id": "1" * 32,
        "code": "encoder_error",
        "detail": "The model failed on it.",
        "attempts": 1,
        "at": 1.0,
        "tags": [],
        "metadata": {},
    }
    return DeadLetter.model_validate(fields | changes)


def give_up(redis_url: str, folder: Path, data: bytes) -> None:
    """Store a dead letter and its image's bytes."""
    writer = FolderBlobs(folder).writer(DEFAULT_TENANT)
    writer.write(data)
    writer.commit(image_id(data))
    with connect(redis_url) as redis:
        RedisDeadLetters(redis).put([letter_about(image_id(data))])
