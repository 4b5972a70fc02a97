"""The stack's processes, run by circus.

Circus spawns, signals, kills, reaps and respawns. What circus 0.19 leaves undone is
done here (see docs/decisions/0002): parts stop tier by tier; a part that keeps
dying ends the stack; the last lines of a dying part are read; and the children
of a killed one are killed.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import zmq
from circus.arbiter import Arbiter
from circus.watcher import Watcher
from tornado.ioloop import IOLoop

from cli.errors import PartFailed
from cli.stack.log import Log, PartOutput
from cli.stack.parent_death import tether
from cli.stack.part import Part

# Starts of a part in a row, each soon ended, after which the stack is given up.
_STARTS_MAX = 5
# Seconds after which a part that lived so long counts as having started well.
_WELL_S = 60.0
# Bytes read at a time from the pipe of a process that has ended.
_READ_BYTES = 64 * 1024


@dataclass
class _Life:
    """What is known of a part's process."""

    part: Part
    watcher: Any
    output: PartOutput
    started: float = 0.0
    failures: int = 0
    # Exit status of a process that ended and was not asked to.
    ended: int | None = field(default=None)


class Processes:
    """Runs parts until told to stop; for one event loop, by one coroutine at a time.

    Args:
        log: Takes the parts' output.
        on_spawn: Told the name and the number of every process started.
    """

    def __init__(self, log: Log, on_spawn: Callable[[str, int], None]) -> None:
        # Circus tells of each respawn at levels that would break into the parts' lines.
        logging.getLogger("circus").setLevel(logging.ERROR)
        self._log = log
        self._on_spawn = on_spawn
        self._lives: dict[str, _Life] = {}
        self._respawn = False
        self._context = zmq.Context()
        # Never started, its control endpoint listens on nothing: commands come from here alone.
        self._arbiter = Arbiter(
            [],
            "inproc://control",
            "inproc://events",
            context=self._context,
            loop=IOLoop.current(),
            proc_name="glimpse up",
        )
        self._arbiter.initialize()

    async def start(self, part: Part, environ: Mapping[str, str]) -> None:
        """Spawn a part.

        Args:
            part: What to run.
            environ: Variables beside its own.

        Raises:
            PartFailed: Its program cannot be run.
        """
        output = PartOutput(self._log, part.name)
        watcher = self._arbiter.add_watcher(part.name, **self._options(part, environ, output))
        life = self._lives[part.name] = _Life(part, watcher, output)
        await self._spawn(life)

    async def look(self) -> None:
        """Take note of parts that ended, and start again those that may.

        Raises:
            PartFailed: A part ended before ``respawn`` was called, or keeps ending.
        """
        # Not circus's own round, which forgets a process that ends while it runs.
        self._arbiter.reap_processes()
        for life in self._lives.values():
            if life.ended is not None:
                self._judge(life, life.ended)
                await self._spawn(life)

    def respawn(self) -> None:
        """From now on, start a part again when it ends."""
        self._respawn = True

    async def close(self) -> None:
        """End all parts, the highest tier first, each tier before the next; then circus."""
        for tier in sorted({life.part.tier for life in self._lives.values()}, reverse=True):
            watchers = [life.watcher for life in self._lives.values() if life.part.tier == tier]
            await self._arbiter.stop_watchers(_only(watchers))
        for life in self._lives.values():
            life.output.flush()
        self._arbiter.stop_controller_and_close_sockets()
        self._context.destroy(linger=0)

    async def _spawn(self, life: _Life) -> None:
        await life.watcher.start()
        if life.watcher.is_stopped():
            raise PartFailed(f"{life.part.name} cannot be run: {life.part.argv[0]}")

    def _options(
        self, part: Part, environ: Mapping[str, str], output: PartOutput
    ) -> dict[str, Any]:
        argv = [*tether(), *part.argv]
        return {
            "cmd": shlex.quote(argv[0]),
            "args": argv[1:],
            "env": {**environ, **part.env},
            "working_dir": str(part.cwd),
            "graceful_timeout": part.stop_s,
            "max_retry": 1,
            "stdout_stream": {"stream": output},
            "stderr_stream": {"stream": output},
            "hooks": {
                "after_spawn": (self._spawned, False),
                "before_reap": (self._drain, True),
                "after_reap": (self._reaped, True),
            },
        }

    def _spawned(self, watcher: Watcher, pid: int, **_: object) -> bool:
        life = self._lives[watcher.name]
        life.started = time.monotonic()
        self._on_spawn(watcher.name, pid)
        return True

    def _drain(self, watcher: Watcher, process_pid: int, **_: object) -> None:
        """Read what a dead process wrote last; circus would close its pipes unread.

        It would also leave them registered, and deaf to the next process's pipes.
        """
        process = watcher.processes[process_pid]
        life = self._lives[watcher.name]
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            if not pipe.closed:
                for data in _unread(pipe.fileno()):
                    life.output({"pid": process_pid, "name": name, "data": data})
        watcher.stream_redirector.remove_redirections(process)
        life.output.flush()

    def _reaped(self, watcher: Watcher, process_pid: int, exit_code: int, **_: object) -> None:
        # Circus kills a process before it looks for the children, and then finds none. What
        # is left of its group would hold ports and files that the next one needs.
        with suppress(ProcessLookupError):
            os.killpg(process_pid, signal.SIGKILL)
        if not watcher.is_stopping():
            self._lives[watcher.name].ended = exit_code

    def _judge(self, life: _Life, status: int) -> None:
        life.ended = None
        if not self._respawn:
            raise PartFailed(self._obituary(life, status, "before the stack was ready"))
        well = time.monotonic() - life.started > _WELL_S
        life.failures = 1 if well else life.failures + 1
        if life.failures >= _STARTS_MAX:
            raise PartFailed(self._obituary(life, status, f"{_STARTS_MAX} times in a row"))
        self._log.line(life.part.name, f"ended ({_cause(status)}); started again")

    def _obituary(self, life: _Life, status: int, when: str) -> str:
        name = life.part.name
        return f"{name} ended ({_cause(status)}) {when}. Its last lines:{self._log.tail(name)}"


def _only(watchers: list[Watcher]) -> Callable[..., list[Watcher]]:
    """Return what circus asks for the watchers to stop, in whatever order it wants them."""
    return lambda **_: watchers


def _cause(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


def _unread(fd: int) -> list[bytes]:
    """Return what a pipe holds; a grandchild may keep it open, so no wait for its end."""
    os.set_blocking(fd, False)
    pieces = []
    try:
        while piece := os.read(fd, _READ_BYTES):
            pieces.append(piece)
    except BlockingIOError:
        pass
    return pieces
