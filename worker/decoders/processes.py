"""Decoders in processes of their own: no two of them share an interpreter's lock.

A process that dies of a picture takes nothing with it.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from ctypes import c_ubyte
from multiprocessing.context import ForkServerContext, ForkServerProcess
from queue import LifoQueue
from threading import Lock
from typing import cast

import numpy as np
from numpy.typing import NDArray

from common.errors import GlimpseError, Quarantined, ServiceError
from common.logs.context import fields
from worker.decoders import process as in_process
from worker.decoders.base import Description
from worker.decoders.process import GRANTED_BYTES, Done, Needs, Recipe, Request
from worker.pixel_budget import Room

log = logging.getLogger(__name__)

# Seconds that a process has to end before it is killed.
_END_S = 5.0


class DecoderProcesses:
    """See ``worker.decoders.base.Decoder``; each process prepares one image at a time.

    All processes are forks of a server that has loaded their modules, and share that memory.

    Args:
        count: Number of processes.
        recipe: Makes the decoder of each.
        slot_bytes: Size of a preprocessed picture.
        attempts_max: Number of processes that may die of an image before it is quarantined.
        on_death: Called when a process has died.

    Raises:
        ServiceError: No process can be started.
    """

    def __init__(
        self,
        count: int,
        recipe: Recipe,
        slot_bytes: int,
        attempts_max: int,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        modules = [in_process.__name__]
        if recipe.settings.blobs_folder is None:
            modules.append("common.blobs.s3")
        context.set_forkserver_preload(modules)
        self._attempts_max = attempts_max
        self._on_death = on_death
        self._all = [_Process(context, recipe, slot_bytes) for _ in range(count)]
        self._free: LifoQueue[_Process] = LifoQueue()
        self._one_alone = Lock()
        for process in self._all:
            process.start()
            self._free.put(process)

    def prepare(self, tenant: str, image_id: str, room: Room) -> NDArray[np.uint8]:
        """Prepare a known image in one of the processes."""
        return self._run(Request(tenant, image_id, False, fields()), room)[0]

    def prepare_new(
        self, tenant: str, image_id: str, room: Room
    ) -> tuple[NDArray[np.uint8], Description]:
        """Prepare a new image in one of the processes."""
        pixels, description = self._run(Request(tenant, image_id, True, fields()), room)
        return pixels, cast("Description", description)

    def close(self) -> None:
        """End the processes."""
        for process in self._all:
            process.end()

    def _run(self, request: Request, room: Room) -> tuple[NDArray[np.uint8], Description | None]:
        for attempt in range(1, self._attempts_max + 1):
            # Another one may have taken the memory that killed the first.
            with self._free_process(alone=attempt > 1) as process:
                try:
                    return process.run(request, room)
                except _DiedError as death:
                    room.shrink(0)
                    self._on_death()
                    log.warning(
                        "decoder.died id=%s attempt=%d %s", request.image_id, attempt, death
                    )
        raise Quarantined(
            "Processes died each time they decoded this image, so it is not retried; replay its"
            " dead letter to try again."
        )

    @contextmanager
    def _free_process(self, *, alone: bool) -> Iterator[_Process]:
        """Yield a process that nobody uses; if ``alone``, while all others are idle."""
        with self._one_alone if alone else nullcontext():
            taken = [self._free.get() for _ in range(len(self._all) if alone else 1)]
        try:
            yield taken[0]
        finally:
            for process in taken:
                self._free.put(process)


class _DiedError(Exception):
    """A process died before it had answered."""


class _Process:
    """One process, and the worker's ends of what connects them. One thread uses it at a time."""

    def __init__(self, context: ForkServerContext, recipe: Recipe, slot_bytes: int) -> None:
        self._context = context
        self._recipe = recipe
        self._slot_bytes = slot_bytes
        self._process: ForkServerProcess | None = None

    def start(self) -> None:
        """Start it, unless it runs; raises ``ServiceError`` if it does not become ready."""
        if self._process is not None:
            return
        try:
            self._begin()
        except (EOFError, OSError) as error:
            raise ServiceError(
                f"A process that decodes pictures cannot be started ({self.end() or error});"
                " see the worker's log, or set GLIMPSE_DECODE_IN=threads."
            ) from error

    def _begin(self) -> None:
        self._slot = self._context.RawArray(c_ubyte, self._slot_bytes)
        self._connection, theirs = self._context.Pipe()
        process = self._context.Process(
            target=in_process.main, args=(theirs, self._slot, self._recipe), daemon=True
        )
        process.start()
        self._process = process
        theirs.close()
        self._connection.recv()

    def run(self, request: Request, room: Room) -> tuple[NDArray[np.uint8], Description | None]:
        """Prepare an image.

        Raises:
            _DiedError: The process died; the next call starts another one.
            GlimpseError: As of a ``Decoder``.
        """
        self.start()
        room.take(GRANTED_BYTES)
        answer = self._ask(request)
        while isinstance(answer, Needs):
            # First, since others that wait for more than there is would wait for each other.
            room.shrink(0)
            room.take(answer.bytes)
            answer = self._ask(None)
        if isinstance(answer, GlimpseError):
            raise answer
        slot = np.ctypeslib.as_array(self._slot)
        pixels = slot[: math.prod(answer.shape)].reshape(answer.shape).copy()
        room.shrink(pixels.nbytes)
        return pixels, answer.description

    def end(self) -> str:
        """End it, and return how it ended."""
        process, self._process = self._process, None
        if process is None:
            return ""
        self._connection.close()
        process.join(_END_S)
        if process.exitcode is None:
            process.kill()
            process.join()
        code = process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def _ask(self, message: Request | None) -> Done | Needs | GlimpseError:
        try:
            self._connection.send(message)
            return cast("Done | Needs | GlimpseError", self._connection.recv())
        except (EOFError, OSError) as error:
            raise _DiedError(self.end()) from error
