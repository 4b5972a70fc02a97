"""Task messages, as Celery puts them into a queue through kombu's Redis transport.

``Celery.send_task`` does the same in five times the time: for each task it looks up routes, queues
and defaults, and takes a producer from a pool.
"""

from __future__ import annotations

import base64
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.app.amqp import task_message
from kombu.serialization import dumps
from kombu.utils.json import dumps as dump_json

# Stands for a task's payload in Celery's events. By default Celery formats the payload itself,
# which takes as long as encoding it as JSON, and nothing reads the result.
_NO_REPR = "..."
# kombu's name of zlib's format.
_ZLIB = "application/x-gzip"
# kombu's number for messages that a broker keeps on disk.
_PERSISTENT = 2


def encode_task(
    app: Celery,
    queue: str,
    task: str,
    task_id: str,
    payload: Mapping[str, Any],
    headers: Mapping[str, Any],
    *,
    compressed: bool,
) -> str:
    """Return the message of a task, to be pushed to the list of its queue.

    Args:
        app: An app with Celery's options.
        queue: The name of the queue.
        task: The name of the task.
        task_id: The id of the task.
        payload: The task's only argument.
        headers: Headers besides Celery's own.
        compressed: Whether to compress the payload.
    """
    message = _described(app, task, task_id, payload)
    content_type, encoding, text = dumps(message.body, "json")
    body, all_headers = text.encode(), {**message.headers, **headers}
    if compressed:
        body, all_headers["compression"] = zlib.compress(body), _ZLIB
    return dump_json(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": encoding,
            "content-type": content_type,
            "headers": all_headers,
            "properties": {**message.properties, **_delivery(queue)},
        }
    )


def _described(app: Celery, task: str, task_id: str, payload: Mapping[str, Any]) -> task_message:
    """Return Celery's description of a task; a task that a worker sends is the child of its own."""
    parent = app.current_worker_task.request if app.current_worker_task else None
    return app.amqp.as_task_v2(
        task_id,
        task,
        (payload,),
        argsrepr=_NO_REPR,
        kwargsrepr=_NO_REPR,
        reply_to=app.thread_oid,
        # Whether it is stored, the task itself says.
        ignore_result=None,  # type: ignore[arg-type]  # as Celery calls it
        root_id=(parent.root_id or parent.id) if parent else None,
        parent_id=parent.id if parent else None,
    )


def _delivery(queue: str) -> dict[str, Any]:
    """Return what kombu's transport adds to the properties of a message for a queue."""
    return {
        "delivery_mode": _PERSISTENT,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
