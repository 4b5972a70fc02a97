"""The tasks of a reindex: one for each slice of a pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from common.broker.names import queue_of
from common.contract import REINDEX_QUEUE, REINDEX_SLICE, Message, ReindexSlice
from common.reindex.base import SLICES, Reindex

# Sends a task to a queue: the names of queue and task, the task's id, and its payload.
SendTo = Callable[[str, str, str, Message], None]


def send_slices(reindex: Reindex, send_to: SendTo, names: Iterable[str] = SLICES) -> None:
    """Send tasks of a reindex's current pass.

    Args:
        reindex: The reindex.
        send_to: Sends a task.
        names: The slices to send.
    """
    queue = queue_of(REINDEX_QUEUE, reindex.model)
    for name in names:
        task_id = f"{reindex.id}-{reindex.number}-{name}"
        task = ReindexSlice(reindex_id=reindex.id, number=reindex.number, slice=name)
        send_to(queue, REINDEX_SLICE, task_id, task)
