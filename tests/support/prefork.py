"""Forks processes that have imported their modules already, which takes longer than running.

    python -m tests.support.prefork worker SOCKET PID

returns once it listens on a socket. For each connection, which sends a line of JSON, a process is
forked, which answers with its id and then runs a module as ``python -m`` would. Once that has
ended, its exit status follows. If the connection is closed before, it is killed. This process ends
with the process PID; see ``tests.support.services.forked``.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

# The kind of a network namespace, for `setns`.
_CLONE_NEWNET = 0x40000000
# How the files for a process's output are opened.
_TO_LOG = os.O_WRONLY | os.O_APPEND | os.O_CREAT

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
    "worker.commands",
    "worker.encoders.hashing",
    "worker.runtime.serve",
    "worker.stores.milvus.store",
)
_API = ("api.app", "api.server.worker", "gunicorn.app.wsgiapp")
_BENCHMARK = (
    "benchmarks.peers.adapters.tutorial",
    "benchmarks.report",
    "benchmarks.stack",
    "tests.support.clip_weights",
    "worker.encoders.backends.choose",
    "worker.encoders.clip.loading",
)
# What each kind of process imports until it has finished its first task: none of the tests' own
# modules but the one that must be the first, and none that reads the environment.
_IMPORTED = {
    "worker": _WORKER,
    "api": _API,
    "skewed": ("tests.support.skewed_time", *_WORKER, *_API),
    "cli": ("cli.main", "cli.stack.run"),
    "benchmark": _BENCHMARK,
}


@dataclass(frozen=True, slots=True)
class Running:
    """A forked process, with a pidfd, and the connection of whoever asked for it."""

    pid: int
    pidfd: int
    connection: socket.socket

    def close(self) -> None:
        os.close(self.pidfd)
        self.connection.close()

    def kill(self) -> None:
        """Kill it, with every process in its group if it has one."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)

    def report(self) -> None:
        """Collect it once it has ended, so that it does not stay a zombie, and say how it ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        # Whoever asked for it may have ended, too.
        with contextlib.suppress(OSError):
            self.connection.sendall(f"status {status}\n".encode())
        self.close()


def become(request: dict[str, Any], connection: socket.socket) -> None:
    """Turn a forked process into the one that was asked for, in its own process group."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    files = [
        os.open(request["input"], os.O_RDONLY),
        *(os.open(request[name], _TO_LOG) for name in ("log", "errors")),
    ]
    # Only now, since the caller may read the logs, and send signals to the group.
    connection.sendall(f"pid {os.getpid()}\n".encode())
    for number, file in enumerate(files):
        os.dup2(file, number)
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
    # By their pidfds, and by their connections' file descriptors.
    running: dict[int, Running] = {}
    poll = select.poll()
    poll.register(owner, select.POLLIN)
    poll.register(listener, select.POLLIN)
    with listener:
        while owner not in (ready := dict(poll.poll())):
            for file in running.keys() & ready.keys():
                attend(file, running, poll)
            if listener.fileno() not in ready:
                continue
            connection, _ = listener.accept()
            if not (pid := os.fork()):
                for each in running.values():
                    each.connection.close()
                os.close(owner)
                return connection
            begun = Running(pid, os.pidfd_open(pid), connection)
            running |= {begun.pidfd: begun, connection.fileno(): begun}
            poll.register(begun.pidfd, select.POLLIN)
            # Only its end: what arrives is for the new process.
            poll.register(connection, 0)
    return None


def attend(file: int, running: dict[int, Running], poll: select.poll) -> None:
    """Report the end of a process, or kill it since its connection has ended."""
    each = running.get(file)
    if each is None:
        return
    if file == each.pidfd:
        for known in (each.pidfd, each.connection.fileno()):
            if running.pop(known, None):
                poll.unregister(known)
        each.report()
    else:
        del running[file]
        poll.unregister(file)
        each.kill()


def listen(path: str) -> socket.socket:
    """Listen on a socket, in a process of its own; the caller's ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    if os.fork():
        os._exit(0)
    return listener


def run(module: str) -> int:
    """Run a module as ``python -m`` does; return its exit status."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as raised:
        if raised.code is None or isinstance(raised.code, int):
            return raised.code or 0
        sys.stderr.write(f"{raised.code}\n")
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def end(status: int) -> NoReturn:
    """End this process as Python does, except that it does not take apart what it has imported.

    That would copy all the memory that it shares with the process that it was forked from.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    kind, path, owner = sys.argv[1:]
    if kind in ("cli", "benchmark"):
        # They start other programs of Glimpse.
        sys.executable = str(Path(path).with_name("python"))
    for name in _IMPORTED[kind]:
        importlib.import_module(name)
    # What was imported stays in each forked process, and is shared as long as nothing touches it.
    gc.freeze()
    if connection := next_connection(listen(path), os.pidfd_open(int(owner))):
        with connection, connection.makefile() as stream:
            request = json.loads(stream.readline())
            become(request, connection)
        end(run(request["module"]))
