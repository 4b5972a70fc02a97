"""Forks workers or APIs that have imported their modules already, which takes longer than running.

    python -m tests.support.prefork worker

reads a request per line, as JSON, and forks a process for it, which prints its id and then runs a
module as ``python -m`` would. It ends with its input; see ``tests.support.services.forked``.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

# The kind of a network namespace, for `setns`.
_CLONE_NEWNET = 0x40000000

# Modules that each worker would otherwise import on its own after the fork.
IMPORTED_LATE = (
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "psutil",
    "scipy.sparse",
)
# What each kind of process imports until it has finished its first task: none of the tests' own
# modules, and none that reads the environment.
_IMPORTED = {
    "worker": (
        *IMPORTED_LATE,
        "click",
        "worker.encoders.hashing",
        "worker.runtime.serve",
        "worker.stores.milvus.store",
    ),
    "api": (
        "api.app",
        "api.server.worker",
        "gunicorn.app.wsgiapp",
    ),
}


def reap(*_: object) -> None:
    """Collect ended processes, so that none stays a zombie."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def become(request: dict[str, Any]) -> None:
    """Turn a forked process into the one that was asked for, in its own process group."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    # Only now, since the caller may read the log, and send signals to the group.
    os.write(1, f"{os.getpid()}\n".encode())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for output in (1, 2):
        os.dup2(log, output)
    if request["netns"]:
        enter(request["netns"])
    sys.argv = [request["module"], *request["arguments"]]


def enter(netns: str) -> None:
    """Move this process to a network namespace."""
    # Python has a function for it from 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(netns).open() as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns", netns)


def next_module() -> str | None:
    """Fork for each request; return its module in the new process, and None at the end."""
    signal.signal(signal.SIGCHLD, reap)
    # The reader asks for one process at a time, so nothing is left in the input's buffer.
    while line := sys.stdin.readline():
        if os.fork() == 0:
            request = json.loads(line)
            become(request)
            return str(request["module"])
    return None


if __name__ == "__main__":
    for name in _IMPORTED[sys.argv[1]]:
        importlib.import_module(name)
    if module := next_module():
        runpy.run_module(module, run_name="__main__", alter_sys=True)
