"""Decoders in processes of their own: no two of them share an interpreter's lock.

A process that dies of a picture takes nothing with it.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import suppress
from ctypes import Array, c_ubyte
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.util import Finalize
from queue import SimpleQueue
from threading import Lock
from typing import cast

import numpy as np
from numpy.typing import NDArray

from common.errors import DecoderDied, DecodersUnavailable, DecodingTooLong, GlimpseError
from common.logs.context import fields
from worker.decoders import process as in_process
from worker.decoders.base import Description
from worker.decoders.process import TOO_LONG, Done, Needs, Recipe, Request
from worker.pixel_budget import Room

log = logging.getLogger(__name__)

# Seconds that a process has to end before it is killed.
_END_S = 5.0
# How a process has ended that took too long for an image.
_TOO_LONG = f"signal {TOO_LONG:d}"
# What every process imports; the last is how the default model preprocesses.
_MODULES = (in_process.__name__, "worker.encoders.clip.bicubic")


class DecoderProcesses:
    """See ``worker.decoders.base.Decoder``; each process prepares one image at a time.

    All processes are forks of a server that has loaded their modules, and share that memory.

    Args:
        count: Number of processes.
        recipe: Makes the decoder of each.
        slot_bytes: Size of a preprocessed picture.
        on_death: Called when a process has died of an image.

    Raises:
        DecodersUnavailable: A process cannot be started.
    """

    def __init__(
        self,
        count: int,
        recipe: Recipe,
        slot_bytes: int,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        in_bucket = recipe.settings.blobs_folder is None
        context.set_forkserver_preload([*_MODULES, *(["common.blobs.s3"] if in_bucket else [])])
        self._on_death = on_death
        self._cpu_s_max = recipe.settings.decode_cpu_s_max
        self._all = [_Process(context, recipe, slot_bytes) for _ in range(count)]
        # First in, first out: one that does not start must not be the next one again.
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        # When the interpreter exits, multiprocessing waits for all processes, closed or not.
        Finalize(self, _close, [self._all], exitpriority=0)
        try:
            for process in self._all:
                process.start()
                self._idle.put(process)
        except BaseException:
            self.close()
            raise

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
        _close(self._all)

    def _run(self, request: Request, room: Room) -> tuple[NDArray[np.uint8], Description | None]:
        process = self._idle.get()
        try:
            return process.run(request, room)
        except _DiedError as death:
            self._on_death()
            log.warning("decoder.died id=%s %s", request.image_id, death)
            if str(death) == _TOO_LONG:
                raise DecodingTooLong(
                    f"Decoding the picture took more than {self._cpu_s_max:g} s of processor time;"
                    " convert it to JPEG or PNG."
                ) from death
            raise DecoderDied(
                f"The process that decoded image {request.image_id} died ({death})."
            ) from death
        finally:
            self._idle.put(process)


def _close(processes: Sequence[_Process]) -> None:
    for process in processes:
        process.hang_up()
    for process in processes:
        process.end()


class _DiedError(Exception):
    """A process died of an image; says how."""


class _Process:
    """One process, and the worker's ends of what connects them. One thread uses it at a time."""

    # Held while a process is forked or awaited: multiprocessing asks after all of them each time,
    # and only one of two threads that ask learns how a process ended.
    _forking = Lock()

    _slot: Array[c_ubyte]
    _connection: Connection

    def __init__(self, context: ForkServerContext, recipe: Recipe, slot_bytes: int) -> None:
        self._context = context
        self._recipe = recipe
        self._slot_bytes = slot_bytes
        self._process: ForkServerProcess | None = None

    def start(self) -> None:
        """Start it; raises ``DecodersUnavailable`` if it does not become ready."""
        self.end()
        try:
            self._begin()
        except (EOFError, OSError) as error:
            raise DecodersUnavailable(
                f"A process that decodes pictures cannot be started ({self.end() or error});"
                " see the worker's log, or set GLIMPSE_DECODE_IN=threads."
            ) from error
        except BaseException:
            self.end()
            raise

    def run(self, request: Request, room: Room) -> tuple[NDArray[np.uint8], Description | None]:
        """Prepare an image.

        Raises:
            _DiedError: The process died of it; the next call starts another one.
            GlimpseError: As of a ``Decoder``.
        """
        try:
            answer = self._first_answer(request)
            if isinstance(answer, Needs):
                room.take(answer.bytes)
                answer = self._ask(None)
        except OSError as error:
            raise _DiedError(self.end()) from error
        except BaseException:
            # Or what it still sends would be taken for the next image.
            self.end()
            raise
        if isinstance(answer, GlimpseError):
            raise answer
        done = cast("Done", answer)
        slot = np.ctypeslib.as_array(self._slot)
        pixels = slot[: math.prod(done.shape)].reshape(done.shape).copy()
        room.keep(pixels.nbytes)
        return pixels, done.description

    def hang_up(self) -> None:
        """Let it end."""
        if self._process is not None:
            self._connection.close()

    def end(self) -> str:
        """End it, and return how it ended; an empty string if it did not run."""
        self.hang_up()
        process, self._process = self._process, None
        if process is None:
            return ""
        with self._forking:
            process.join(_END_S)
            if process.exitcode is None:
                process.kill()
                process.join()
        code = process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def _begin(self) -> None:
        self._slot = self._context.RawArray(c_ubyte, self._slot_bytes)
        self._connection, theirs = self._context.Pipe()
        process = self._context.Process(
            target=in_process.main, args=(theirs, self._slot, self._recipe), daemon=True
        )
        with self._forking:
            process.start()
        self._process = process
        theirs.close()
        self._connection.recv()

    def _first_answer(self, request: Request) -> Done | Needs | GlimpseError:
        if self._process is not None:
            # A process that died before it read the request did not die of this image.
            with suppress(OSError):
                return self._ask(request)
        self.start()
        return self._ask(request)

    def _ask(self, message: Request | None) -> Done | Needs | GlimpseError:
        """Send a message, and return the answer.

        Raises:
            OSError: The process died before it read the message.
            _DiedError: It died afterwards.
        """
        self._connection.send(message)
        try:
            return cast("Done | Needs | GlimpseError", self._connection.recv())
        except EOFError as error:
            raise _DiedError(self.end()) from error
