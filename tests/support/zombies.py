"""Workers that freeze or die at a stage of their work, each at its own.

    python -m tests.support.zombies QUEUE DEED:STAGE...

runs a worker of the queue for each argument. The first time that it comes to its
stage it stops itself (``freeze``), with all of its threads and as if it would never
go on, or is gone at once (``die``). A frozen worker that is told to continue goes on
where it was, and freezes no more. All of them are one group of processes, forked
from one: to import what a worker needs takes longer than to run it.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal

from celery.signals import task_postrun
from pymilvus import MilvusClient

from common.blobs.folder import FolderBlobs
from common.claims.redis import RedisClaims
from common.jobs.redis import RedisJobs
from common.settings import load_settings
from tests.support.slow_worker import is_probe
from worker.encoders.hashing import HashingEncoder
from worker.runtime.serve import serve
from worker.stores.milvus.store import MilvusStore

log = logging.getLogger(__name__)

# The stages: a call that is made in the middle of the work, and whether it is before or after it.
_STAGES: dict[str, tuple[type, str, Literal["before", "after"]]] = {
    # Of an ingest.
    "read": (FolderBlobs, "read", "before"),
    "embedded": (HashingEncoder, "encode_images", "after"),
    "write": (MilvusClient, "upsert", "before"),
    "written": (MilvusStore, "upsert", "after"),
    "outcome": (RedisJobs, "record", "before"),
    # Of a deletion.
    "withdraw": (FolderBlobs, "withdraw", "before"),
    "withdrawn": (FolderBlobs, "withdraw", "after"),
    "delete": (MilvusClient, "delete", "before"),
    "deleted": (MilvusStore, "delete", "after"),
    # Of both.
    "settle": (RedisClaims, "settle", "before"),
}

# What a worker imports when it begins, and would import anew in each.
_IMPORTED_LATE = (
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "psutil",
    "scipy.sparse",
)


def halt_at(stage: str, deed: str) -> None:
    """Let this process freeze or die when it comes to a stage for the first time."""
    owner, name, when = _STAGES[stage]
    method: Callable[..., Any] = getattr(owner, name)
    first = threading.Lock()

    def halt() -> None:
        if not first.acquire(blocking=False):
            return
        # Tests read this line.
        log.warning("zombie.%s stage=%s pid=%d", deed, stage, os.getpid())
        if deed == "die":
            os._exit(1)
        # To this very thread, which so does not go one step further.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    @functools.wraps(method)
    def halting(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_idle_work(args):
            return method(self, *args, **kwargs)
        if when == "before":
            halt()
            return method(self, *args, **kwargs)
        result = method(self, *args, **kwargs)
        halt()
        return result

    setattr(owner, name, halting)


def _is_idle_work(args: tuple[Any, ...]) -> bool:
    """Tell whether a call is about the worker's own probes alone."""
    images = args[0] if args and isinstance(args[0], list) else []
    return bool(images) and all(hasattr(image, "dtype") and is_probe(image) for image in images)


def work(queue: str, deed: str, stage: str) -> None:
    """Consume a queue until SIGTERM, and halt once at a stage."""
    halt_at(stage, deed)

    def tell(**_: Any) -> None:
        # Tests read this line, too.
        log.warning("zombie.idle pid=%d", os.getpid())

    task_postrun.connect(tell, weak=False)
    serve(load_settings(), queue, f"{queue}@zombie.{os.getpid()}")


def main(queue: str, deeds: list[str]) -> None:
    """Run a worker for each deed, and return when all have ended."""
    for name in _IMPORTED_LATE:
        importlib.import_module(name)
    children = []
    for deed in deeds:
        child = os.fork()
        if child == 0:
            work(queue, *deed.split(":"))
            os._exit(0)
        children.append(child)
    # It is for the children, who get it as well.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    main(sys.argv[1], sys.argv[2:])
