"""A run of the stack, from locking its folder to the end of its last process."""

from __future__ import annotations

import asyncio
import functools
import itertools
import math
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import httpx

from cli.errors import PartFailed
from cli.service import redis_address
from cli.stack import ports
from cli.stack.awaited import Broker, Readiness
from cli.stack.blobs_folder import require_blobs
from cli.stack.folder import DataFolder, hold, may_have_keys
from cli.stack.log import Log
from cli.stack.model import AUTO, MODEL, has_workers, resolve_model
from cli.stack.part import Part
from cli.stack.parts import BROKER, Stack, Wanted, lay_out
from cli.stack.processes import Processes
from common.api_processes import api_processes
from common.keys.redis import RedisKeys
from common.redis.client import connect
from common.settings import load_settings

# Signals that stop the stack in order.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds between two checks of the processes.
_LOOK_S = 0.25
# Seconds between two attempts to reach a server, which starts within a tenth of a second.
_ANSWER_LOOK_S = 0.02
# Seconds a server has to answer; a large append-only file takes long to load.
_ANSWER_S = 120.0
# Seconds that a Redis has which somebody else starts.
_ELSEWHERE_S = 30.0
# Seconds the stack has to be ready once its servers answer: a model is loaded and warmed up.
_READY_S = 300.0
# Prefixes of the log lines of `up` itself and of the choice of the model.
_SELF, _CHOICE = "up", "model"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `glimpse up`."""

    data: Path
    host: str
    port: int
    ingest_workers: int
    allow_open: bool


def run(options: Options) -> None:
    """Run the stack until a signal stops it.

    Raises:
        SetupError: It cannot run, or a part failed; no process is left running.
    """
    environ = {MODEL: AUTO, **os.environ}
    if options.allow_open:
        environ["GLIMPSE_OPEN_TO"] = "network"
    # All checks that need no running part come before anything starts.
    settings = load_settings(environ)
    is_open = settings.open_to == "network"
    api_processes(environ)
    if not is_open and "GLIMPSE_REDIS_URL" not in environ and not may_have_keys(options.data):
        ports.require_loopback(options.host)
    if not options.data.exists():
        # Before the folder is made.
        ports.claim(options.host, options.port)
    require_blobs(environ, settings.blobs_folder)
    with hold(options.data) as folder:
        # Only now: processes left by an earlier run may have held the port.
        port = ports.claim(options.host, options.port)
        wanted = Wanted(folder, options.host, port, options.ingest_workers, environ)
        stack = lay_out(wanted)
        # Reachable by others without keys only where that was asked for.
        host = ports.LOOPBACK if is_open else options.host
        url = ports.url_of(options.host, port)
        asyncio.run(Run(stack, folder, url, host).until_stopped())


class Run:
    """One run: its parts, its log, and the order of its steps.

    Args:
        stack: What runs.
        folder: Where its data is kept.
        url: Where this machine reaches the API.
        guarded: The address that other machines must not reach while there are no keys.
    """

    def __init__(self, stack: Stack, folder: DataFolder, url: str, guarded: str) -> None:
        self._stack = stack
        self._folder = folder
        self._url = url
        self._guarded = guarded
        self._environ = dict(stack.environ)
        self._redis = redis_address.of(stack.environ)
        # The model that was chosen, if another one is active.
        self._standby: str | None = None
        parts = [*stack.parts, *stack.standby]
        names = [_SELF, _CHOICE, *(part.name for part in parts)]
        self._log = Log(names, as_json=self._environ.get("GLIMPSE_LOG_FORMAT") == "json")

    async def until_stopped(self) -> None:
        """Start everything, watch it, and stop it on a signal or when a part fails."""
        processes = Processes(self._log, self._folder.note_part)
        # A task of its own: a signal cancels it alone, and never the stopping below.
        serving = asyncio.create_task(self._serve(processes))
        self._stop_on_signals(serving)
        try:
            with suppress(asyncio.CancelledError):
                await serving
        finally:
            await processes.close()
            self._folder.forget_parts()
        self._say("stopped")

    async def _serve(self, processes: Processes) -> None:
        chosen = self._environ[MODEL]
        if chosen != AUTO:
            # Before anything starts, because the name may be wrong.
            chosen = await self._resolve(chosen)
        parts = self._stack.parts
        await self._start(processes, [part for part in parts if part.tier == BROKER])
        active = await self._active_model(processes)
        self._require_keys()
        await self._choose(active, chosen)
        await self._start(processes, [part for part in parts if part.tier != BROKER])
        if self._standby is not None:
            await self._start(processes, self._stack.standby, self._standby)
        await self._wait_until_ready(processes)
        processes.respawn()
        self._welcome()
        while True:
            await _look(processes)
            await asyncio.sleep(_LOOK_S)

    async def _start(
        self, processes: Processes, parts: Sequence[Part], model: str | None = None
    ) -> None:
        """Start parts and wait until they answer; their model is the active one by default."""
        environ = self._environ | ({MODEL: model} if model else {})
        for part in parts:
            await processes.start(part, environ)
        # All at once: workers import their modules and load their model while Milvus starts.
        for part in parts:
            if part.answers is not None:
                await self._wait(processes, part.answers, part.name, _ANSWER_S, _ANSWER_LOOK_S)

    def _require_keys(self) -> None:
        """Refuse an address that other machines reach without a key; raises ``OpenService``."""
        if ports.is_loopback(self._guarded):
            return
        with connect(self._redis) as redis:
            if not RedisKeys(redis).exist():
                ports.require_loopback(self._guarded)

    async def _active_model(self, processes: Processes) -> str | None:
        """Wait until Redis answers; return the active model, or None before the first start."""
        own = any(part.tier == BROKER for part in self._stack.parts)
        limit_s, look_s = (_ANSWER_S, _ANSWER_LOOK_S) if own else (_ELSEWHERE_S, _LOOK_S)
        broker = Broker(self._redis, limit_s, self._say)
        # It ends the wait itself, because it knows why Redis does not answer.
        await self._wait(processes, broker, "Redis", math.inf, look_s)
        return broker.active

    async def _choose(self, active: str | None, chosen: str) -> None:
        """Set the model that serves, and the one on standby."""
        if active is None:
            active = await self._resolve(AUTO) if chosen == AUTO else chosen
        elif chosen == AUTO:
            self._say(f"keeping the active model, {active}; to change it, set {MODEL}")
            active = await self._resolve(active)
        elif chosen != active:
            active, self._standby = await self._resolve(active), chosen
        self._environ[MODEL] = active

    async def _resolve(self, model: str) -> str:
        return await resolve_model(model, self._environ, lambda line: self._log.line(_CHOICE, line))

    async def _wait_until_ready(self, processes: Processes) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            ready = Readiness(client, self._url, self._say)
            await self._wait(processes, ready, "/readyz", _READY_S)
        if self._standby is not None:
            answers = functools.partial(has_workers, self._redis, self._standby)
            await self._wait(processes, answers, f"The workers of {self._standby}", _READY_S)

    async def _wait(
        self,
        processes: Processes,
        answers: Callable[[], Awaitable[bool]],
        name: str,
        limit_s: float,
        look_s: float = _LOOK_S,
    ) -> None:
        """Wait until ``answers`` returns true; no part may exit meanwhile."""
        deadline = asyncio.get_running_loop().time() + limit_s
        while asyncio.get_running_loop().time() < deadline:
            await _look(processes)
            if await answers():
                return
            await asyncio.sleep(look_s)
        raise PartFailed(f"{name} did not answer within {limit_s:g} s.")

    def _stop_on_signals(self, serving: asyncio.Task[None]) -> None:
        presses = itertools.count()

        def stop() -> None:
            if next(presses) == 0 and serving.cancel():
                self._say("stopping: work in progress is finished first")
            else:
                self._say("already stopping")

        for number in _STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop)

    def _welcome(self) -> None:
        address = click.style(self._url, bold=True)
        lines = [
            f"Glimpse is ready at {address}",
            f"model {self._environ[MODEL]}, data in {self._folder.path}",
        ]
        if (new := self._standby) is not None:
            lines.append(
                f"model {new} is on standby: run `glimpse reindex --model {new}`,"
                f" then `glimpse models use {new}`"
            )
        for line in ("", *lines, "Press Ctrl-C to stop", ""):
            self._say(line)

    def _say(self, text: str) -> None:
        self._log.line(_SELF, text)


async def _look(processes: Processes) -> None:
    """Look after the processes, unless the task was cancelled and a library suppressed that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    await processes.look()
