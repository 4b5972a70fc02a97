"""The names of queues: the only place that knows which queues a purpose and a model have.

Uploads have several queues per model, so that a tenant with many images waiting does not delay
the others (decision 0030): one for the first images of each tenant, and shares, chosen by a hash
of the tenant's name. ``ingest@MODEL`` without a share holds only what older versions sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from common.contract import INGEST_QUEUE, Message

# Number of shares of a model's uploads. Workers of all versions must agree on it.
SHARES = 16
# Takes the place of a share's number in the queue for tenants without a backlog.
_FIRST = "first"


def queue_of(purpose: str, model: str | None) -> str:
    """Return the name of a model's queue, such as ``search@ViT-B/32``.

    Args:
        purpose: One of ``PURPOSES``, or ``REINDEX_QUEUE``.
        model: None before any worker has started; every worker consumes that queue too, and
            forwards tasks that are for another model.
    """
    return purpose if model is None else f"{purpose}@{model}"


def queue_for(purpose: str, model: str | None, message: Message, *, first: bool = False) -> str:
    """Return the name of the queue that a task is sent to.

    Args:
        purpose: One of ``PURPOSES``.
        model: The model whose workers run it; None before any worker has started.
        message: The task's payload; an upload's names its tenant.
        first: Whether the task has the first images of a tenant that had none waiting.
    """
    tenant = getattr(message, "tenant", None)
    if purpose != INGEST_QUEUE or model is None or tenant is None:
        return queue_of(purpose, model)
    return queue_of(_part(_FIRST if first else share_of(tenant)), model)


def queues_of(purpose: str, models: Iterable[str | None], tenant: str | None = None) -> list[str]:
    """Return the names of all queues that a purpose has, for some models.

    Args:
        purpose: One of ``PURPOSES``, or ``REINDEX_QUEUE``.
        models: The models; None stands for the time before any worker had started.
        tenant: Leaves out the queues that never hold this tenant's uploads.
    """
    shares = range(SHARES) if tenant is None else [share_of(tenant)]
    names: list[str] = []
    for model in models:
        names.append(queue_of(purpose, model))
        if purpose == INGEST_QUEUE and model is not None:
            names += [queue_of(_part(part), model) for part in (_FIRST, *shares)]
    return names


def share_of(tenant: str) -> int:
    """Return the share of a tenant's uploads, from 0."""
    return crc32(tenant.encode()) % SHARES


def purpose_of(queue: str) -> str:
    """Return the purpose of a queue."""
    return queue.partition("@")[0].partition(".")[0]


def is_first(queue: str) -> bool:
    """Return whether a queue has the first images of tenants."""
    return queue.partition("@")[0] == _part(_FIRST)


def _part(part: str | int) -> str:
    return f"{INGEST_QUEUE}.{part}"
