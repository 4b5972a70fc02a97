"""The stack's processes: started in order, restarted when they exit, stopped tier by tier."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cli.errors import PartFailed
from cli.stack.log import Log
from cli.stack.part import Part
from cli.stack.process import Process, spawn
from common.exit_codes import PERMANENT

# Exits of a part, without a healthy run in between, after which the stack gives up.
_EXITS_MAX = 5
# Seconds after which a run counts as healthy.
_HEALTHY_S = 60.0


@dataclass
class _Running:
    """A part, its current process, and how often it has exited."""

    part: Part
    environ: Mapping[str, str]
    process: Process
    started: float = field(default_factory=time.monotonic)
    exits: int = 0


class Processes:
    """Runs parts until closed; for one coroutine at a time.

    Args:
        log: Takes the parts' output.
        on_spawn: Called with the part's name and the process id of every process started.
    """

    def __init__(self, log: Log, on_spawn: Callable[[str, int], None]) -> None:
        self._log = log
        self._on_spawn = on_spawn
        self._running: list[_Running] = []
        self._respawn = False

    async def start(self, part: Part, environ: Mapping[str, str]) -> None:
        """Start a part.

        Args:
            part: What to run.
            environ: Variables in addition to the part's own.

        Raises:
            PartFailed: Its program cannot be run.
        """
        environ = {**environ, **part.env}
        self._running.append(_Running(part, environ, await self._spawn(part, environ)))

    async def look(self) -> None:
        """Restart the parts that have exited.

        Raises:
            PartFailed: A part exited before ``respawn`` was called, keeps exiting, or says by
                its status that a restart would not help.
        """
        for running in self._running:
            if running.process.exited:
                self._judge(running, await running.process.wait())
                running.process = await self._spawn(running.part, running.environ)
                running.started = time.monotonic()

    def respawn(self) -> None:
        """From now on, restart a part when it exits."""
        self._respawn = True

    async def close(self) -> None:
        """Stop all parts, the highest tier first, each tier before the next."""
        for tier in sorted({running.part.tier for running in self._running}, reverse=True):
            stops = [
                running.process.stop(running.part.stop_s)
                for running in self._running
                if running.part.tier == tier
            ]
            await asyncio.gather(*stops)

    async def _spawn(self, part: Part, environ: Mapping[str, str]) -> Process:
        show = functools.partial(self._log.line, part.name)
        try:
            process = await spawn(part.argv, environ, part.cwd, out=show, err=show)
        except OSError as error:
            raise PartFailed(f"{part.name} cannot be run: {part.argv[0]}: {error}") from error
        self._on_spawn(part.name, process.pid)
        return process

    def _judge(self, running: _Running, status: int) -> None:
        if not self._respawn:
            raise PartFailed(self._obituary(running, status, " before the stack was ready"))
        if status in PERMANENT:
            raise PartFailed(self._obituary(running, status, ", and a restart would not help"))
        healthy = time.monotonic() - running.started > _HEALTHY_S
        running.exits = 1 if healthy else running.exits + 1
        if running.exits >= _EXITS_MAX:
            raise PartFailed(self._obituary(running, status, f", {_EXITS_MAX} times in a row"))
        self._log.line(running.part.name, f"{_cause(status)}; restarting")

    def _obituary(self, running: _Running, status: int, when: str) -> str:
        name = running.part.name
        return f"{name} {_cause(status)}{when}. Its last output:{self._log.tail(name)}"


def _cause(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
