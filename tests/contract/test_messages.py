"""Task messages are those that Celery sends."""

from __future__ import annotations

import json
import uuid
from typing import Any

from celery import Celery
from redis import Redis

from common.broker.celery_options import celery_options
from common.broker.message import encode_task
from common.redis.client import connect
from common.settings import load_settings
from tests.support.services import Valkey

PAYLOAD = {"job_id": "a" * 32, "items": [{"index": 0, "filename": "ä \ud800.jpg"}]}


def sent_by_celery(app: Celery, redis: Redis, queue: str, **options: Any) -> dict[str, Any]:
    """Return the message that Celery itself puts into a queue."""
    app.send_task(
        "ingest.chunk",
        args=[PAYLOAD],
        task_id="t.0",
        queue=queue,
        headers={"sent_at": 1.5},
        argsrepr="...",
        kwargsrepr="...",
        **options,
    )
    message: dict[str, Any] = json.loads(redis.lpop(queue))
    # Its sender takes these for properties as well.
    del message["properties"]["argsrepr"], message["properties"]["kwargsrepr"]
    return message


def test_messages_are_like_those_of_celery(valkey: Valkey) -> None:
    queue = uuid.uuid4().hex
    app = Celery("glimpse.test", set_as_current=False)
    app.conf.update(celery_options(load_settings({"GLIMPSE_REDIS_URL": valkey.url})))
    with connect(valkey.url) as redis:
        for compressed in (False, True):
            expected = sent_by_celery(app, redis, queue, compression="zlib" if compressed else None)
            text = encode_task(
                app, queue, "ingest.chunk", "t.0", PAYLOAD, {"sent_at": 1.5}, compressed=compressed
            )
            found = json.loads(text)
            tags = [each["properties"].pop("delivery_tag") for each in (expected, found)]
            assert tags[0] != tags[1]
            assert found == expected
    app.close()
