"""Images that were given up, as a job leaves them that failed through no fault of theirs."""

from __future__ import annotations

import time
from pathlib import Path

from common.blobs.folder import FolderBlobs
from common.contract import DEFAULT_TENANT
from common.dead_letters.base import DeadLetter
from common.dead_letters.redis import RedisDeadLetters
from common.redis_client import connect
from tests.pictures import image_id


def give_up(redis_url: str, folder: Path, data: bytes) -> None:
    """Leave a dead letter and its image's bytes."""
    writer = FolderBlobs(folder).writer(DEFAULT_TENANT)
    writer.write(data)
    writer.commit(image_id(data))
    letter = DeadLetter(
        id=image_id(data),
        tenant=DEFAULT_TENANT,
        filename="image.png",
        job_id="1" * 32,
        code="encoder_error",
        detail="The model failed on it.",
        attempts=1,
        at=time.time(),
        tags=[],
        metadata={},
    )
    with connect(redis_url) as redis:
        RedisDeadLetters(redis).put([letter])
