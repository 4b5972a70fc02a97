"""Forks processes that have imported their modules already, which takes longer than running.

    python -m tests.support.prefork worker SOCKET PID

returns once it listens on a socket. For each connection, which sends a line of JSON, a process is
forked, which answers with its id and then runs a module as ``python -m`` would. Once that has
ended, its exit status follows. This process ends with the process PID; see
``tests.support.services.forked``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import socket
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
_WORKER = (
    *IMPORTED_LATE,
    "click",
    "worker.encoders.hashing",
    "worker.runtime.serve",
    "worker.stores.milvus.store",
)
_API = ("api.app", "api.server.worker", "gunicorn.app.wsgiapp")
# What each kind of process imports until it has finished its first task: none of the tests' own
# modules but the one that must be the first, and none that reads the environment.
_IMPORTED = {
    "worker": _WORKER,
    "api": _API,
    "skewed": ("tests.support.skewed_time", *_WORKER, *_API),
    "cli": ("cli.main",),
}

# The ids and connections of running processes, by their pidfds.
_running: dict[int, tuple[int, socket.socket]] = {}


def report(pidfd: int) -> None:
    """Collect a process that has ended, so that it does not stay a zombie, and report how."""
    pid, connection = _running.pop(pidfd)
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    # Whoever asked for it may have ended, too.
    with connection, contextlib.suppress(OSError):
        connection.sendall(f"status {os.waitstatus_to_exitcode(status)}\n".encode())


def become(request: dict[str, Any], connection: socket.socket) -> None:
    """Turn a forked process into the one that was asked for, in its own process group."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    logs = [
        os.open(request[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT) for name in ("log", "errors")
    ]
    # Only now, since the caller may read the logs, and send signals to the group.
    connection.sendall(f"pid {os.getpid()}\n".encode())
    for output, log in zip((1, 2), logs, strict=True):
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


def next_connection(listener: socket.socket, owner: int) -> socket.socket | None:
    """Fork for each connection; return it in the new process, and None when the owner has ended.

    Args:
        listener: Where they arrive.
        owner: A pidfd.
    """
    with listener:
        while True:
            ready, _, _ = select.select([listener.fileno(), owner, *_running], [], [])
            for pidfd in _running.keys() & ready:
                report(pidfd)
            if owner in ready:
                return None
            if listener.fileno() in ready:
                connection, _ = listener.accept()
                if fork(connection) == 0:
                    os.close(owner)
                    return connection


def fork(connection: socket.socket) -> int:
    """Fork this process for a connection; return 0 in the new one."""
    pid = os.fork()
    if pid:
        _running[os.pidfd_open(pid)] = pid, connection
    else:
        while _running:
            pidfd, (_, others) = _running.popitem()
            os.close(pidfd)
            others.close()
    return pid


def listen(path: str) -> socket.socket:
    """Listen on a socket, in a process of its own; the caller's ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    if os.fork():
        os._exit(0)
    return listener


if __name__ == "__main__":
    kind, path, owner = sys.argv[1:]
    for name in _IMPORTED[kind]:
        importlib.import_module(name)
    # To run a module that is imported already is warned of.
    sys.modules.pop("cli.main", None)
    # What was imported stays in each forked process, and is shared as long as nothing touches it.
    gc.freeze()
    if connection := next_connection(listen(path), os.pidfd_open(int(owner))):
        with connection, connection.makefile() as stream:
            request = json.loads(stream.readline())
            become(request, connection)
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
