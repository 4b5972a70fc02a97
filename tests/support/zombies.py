"""Workers that each freeze or die at a given stage of their work.

    python -m tests.support.zombies QUEUE DEED:STAGE...

runs a worker of the queue for each argument. When it first reaches its stage, it stops
itself with all of its threads (``freeze``) or exits immediately (``die``). On SIGCONT, a
frozen worker continues from that point and does not freeze again. All workers form one
process group and are forked from one parent, since importing a worker's modules takes
longer than running it.
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
from tests.support.prefork import IMPORTED_LATE
from tests.support.slow_worker import is_probe
from worker.encoders.hashing import HashingEncoder
from worker.runtime.serve import serve
from worker.stores.milvus.store import MilvusStore

log = logging.getLogger(__name__)

# The stages: a call made during the work, and whether to halt before or after it.
_STAGES: dict[str, tuple[type, str, Literal["before", "after"]]] = {
    # Stages of an ingest.
    "read": (FolderBlobs, "read", "before"),
    "embedded": (HashingEncoder, "encode_images", "after"),
    "write": (MilvusClient, "upsert", "before"),
    "written": (MilvusStore, "upsert", "after"),
    "outcome": (RedisJobs, "record", "before"),
    # Stages of a deletion.
    "withdraw": (FolderBlobs, "withdraw", "before"),
    "withdrawn": (FolderBlobs, "withdraw", "after"),
    "delete": (MilvusClient, "delete", "before"),
    "deleted": (MilvusStore, "delete", "after"),
    # Stage of both.
    "settle": (RedisClaims, "settle", "before"),
}


def halt_at(stage: str, deed: str) -> None:
    """Make this process freeze or die when it first reaches a stage."""
    owner, name, when = _STAGES[stage]
    method: Callable[..., Any] = getattr(owner, name)
    first = threading.Lock()

    def halt() -> None:
        if not first.acquire(blocking=False):
            return
        # Tests parse this line.
        log.warning("zombie.%s stage=%s pid=%d", deed, stage, os.getpid())
        if deed == "die":
            os._exit(1)
        # Signal this thread, so that it does not execute another step.
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
    """Return whether a call concerns only the worker's own probes."""
    images = args[0] if args and isinstance(args[0], list) else []
    return bool(images) and all(hasattr(image, "dtype") and is_probe(image) for image in images)


def work(queue: str, deed: str, stage: str) -> None:
    """Consume a queue until SIGTERM, halting once at a stage."""
    halt_at(stage, deed)

    def log_idle(**_: Any) -> None:
        # Tests parse this line, too.
        log.warning("zombie.idle pid=%d", os.getpid())

    task_postrun.connect(log_idle, weak=False)
    serve(load_settings(), queue, f"{queue}@zombie.{os.getpid()}")


def main(queue: str, deeds: list[str]) -> None:
    """Run a worker for each deed and wait until all have exited."""
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    children = []
    for deed in deeds:
        child = os.fork()
        if child == 0:
            work(queue, *deed.split(":"))
            os._exit(0)
        children.append(child)
    # The whole group receives SIGTERM; the parent waits for the children to exit.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    main(sys.argv[1], sys.argv[2:])
