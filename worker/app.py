"""The Celery apps of the two queues, for Celery's own commands.

``celery -A worker.app:ingest worker`` starts a worker of the queue ``ingest``, like
``python -m worker run ingest``, and ``worker.app:search`` one of the queue ``search``. Either app
serves for ``inspect``, ``control``, ``events`` and Flower. An app is made when it is asked for,
and imports no model.
"""

from __future__ import annotations

from typing import Any

from common.contract import QUEUES


def __getattr__(name: str) -> Any:
    if name not in QUEUES:
        raise AttributeError(f"There is no queue {name!r}; the queues are {' and '.join(QUEUES)}.")
    from worker.runtime.queue_app import queue_app

    return queue_app(name)
