"""A run of the stack, from locking its folder to the end of its last process."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import httpx

from cli.errors import PartFailed
from cli.stack import ports
from cli.stack.folder import DataFolder, hold
from cli.stack.log import Log
from cli.stack.model import choose_model
from cli.stack.part import Part
from cli.stack.parts import BROKER, Stack, Wanted, lay_out
from cli.stack.processes import Processes
from common.keys.redis import RedisKeys
from common.redis_client import connect
from common.settings import load_settings

# Signals that stop the stack in order.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds between two checks of the processes.
_LOOK_S = 0.25
# Seconds a server has to answer; a large append-only file takes long to load.
_ANSWER_S = 120.0
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
    environ = {"GLIMPSE_MODEL": "auto", **os.environ}
    if options.allow_open:
        environ["GLIMPSE_OPEN_TO"] = "network"
    # All checks that need no running part come before anything starts.
    is_open = load_settings(environ).open_to == "network"
    if not is_open and "GLIMPSE_REDIS_URL" not in environ and not options.data.exists():
        # Without a Redis there are no keys yet.
        ports.require_loopback(options.host)
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
        self._log = Log([_SELF, _CHOICE, *(part.name for part in stack.parts)])

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
        self._environ["GLIMPSE_MODEL"] = await self._model()
        parts = self._stack.parts
        await self._start(processes, [part for part in parts if part.tier == BROKER])
        self._require_keys()
        await self._start(processes, [part for part in parts if part.tier != BROKER])
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            await self._wait(
                processes, _Readiness(client, self._url, self._say), "/readyz", _READY_S
            )
        processes.respawn()
        self._welcome()
        while True:
            await processes.look()
            await asyncio.sleep(_LOOK_S)

    async def _start(self, processes: Processes, parts: Sequence[Part]) -> None:
        for part in parts:
            await processes.start(part, self._environ)
            if part.answers is not None:
                await self._wait(processes, part.answers, part.name, _ANSWER_S)

    def _require_keys(self) -> None:
        """Refuse an address that other machines reach without a key; raises ``OpenService``."""
        if ports.is_loopback(self._guarded):
            return
        with connect(self._environ["GLIMPSE_REDIS_URL"]) as redis:
            if not RedisKeys(redis).exist():
                ports.require_loopback(self._guarded)

    async def _model(self) -> str:
        return await choose_model(self._environ, lambda line: self._log.line(_CHOICE, line))

    async def _wait(
        self,
        processes: Processes,
        answers: Callable[[], Awaitable[bool]],
        name: str,
        limit_s: float,
    ) -> None:
        """Wait until ``answers`` returns true; no part may exit meanwhile."""
        deadline = asyncio.get_running_loop().time() + limit_s
        while asyncio.get_running_loop().time() < deadline:
            await processes.look()
            if await answers():
                return
            await asyncio.sleep(_LOOK_S)
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
        model = self._environ["GLIMPSE_MODEL"]
        lines = (
            "",
            f"Glimpse is ready at {address}",
            f"model {model}, data in {self._folder.path}",
        )
        for line in (*lines, "Press Ctrl-C to stop", ""):
            self._say(line)

    def _say(self, text: str) -> None:
        self._log.line(_SELF, text)


class _Readiness:
    """Asks the API whether the stack is ready, and logs what is missing when that changes."""

    def __init__(self, client: httpx.AsyncClient, url: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._url = url
        self._say = say
        self._awaited = ""

    async def __call__(self) -> bool:
        awaited = await self._ask()
        if awaited and awaited != self._awaited:
            self._say(f"waiting: {awaited}")
        self._awaited = awaited
        return not awaited

    async def _ask(self) -> str:
        """Return what is awaited, or an empty string when the stack is ready."""
        try:
            response = await self._client.get(f"{self._url}/readyz")
        except httpx.TransportError:
            return "the API does not answer yet"
        if response.is_success:
            return ""
        try:
            return str(response.json()["detail"])
        except (ValueError, KeyError, TypeError):
            return f"the API answers with status {response.status_code}"
