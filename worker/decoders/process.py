"""What runs in a decoder process. A server loads this module, and all of them are its forks."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ctypes import Array, c_ubyte
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.allocator import keep_freed_memory
from common.blobs.stores import open_blobs
from common.errors import GlimpseError
from common.logs.configure import configure_logs
from common.logs.context import bound
from common.redis.client import connect
from common.settings import Settings
from worker.decoders.base import Decoder, Description
from worker.decoders.inline import InlineDecoder
from worker.encoders.base import Preprocessor
from worker.encoders.preparing import preparing
from worker.pixel_budget import Room

# What ends a process that takes too long for an image.
TOO_LONG = signal.SIGPROF
# Bytes of a decoded picture for which a process need not ask.
GRANTED_BYTES = 4 * 1024**2
# Bytes of freed memory that a process keeps for its next picture. Less than a block of Pillow's, of
# which large pictures consist: 16 MiB.
_KEPT_BYTES = 12 * 1024**2
# Added to what is adjusted already, in thousandths of memory, when Linux chooses which process to
# kill; and the largest sum that it takes.
_OOM_SCORE, _OOM_SCORE_MAX = 500, 1000


@dataclass(slots=True)
class Preprocessing:
    """A model's ``worker.encoders.base.Preprocessor``, without the model."""

    preprocess: Callable[[Image.Image], NDArray[np.uint8]]
    draft_side: int | None

    @classmethod
    def of(cls, encoder: Preprocessor) -> Self:
        """Return that of an encoder."""
        return cls(encoder.preprocess, encoder.draft_side)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a decoder is made of; can be pickled, like all below.

    Attributes:
        settings: The worker's settings.
        preprocessing: That of its model.
    """

    settings: Settings
    preprocessing: Preprocessing


@dataclass(frozen=True, slots=True)
class Request:
    """Asks for an image; answered by ``Needs``, ``Done`` or an error.

    Attributes:
        tenant: The image's owner.
        image_id: The image.
        is_new: Whether to call ``prepare_new``.
        log_fields: Those of its task.
    """

    tenant: str
    image_id: str
    is_new: bool
    log_fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Needs:
    """Asks for room for a decoded picture, in bytes; answered by anything once there is."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """An image is prepared. Its pixels, of this shape, are in the slot."""

    shape: tuple[int, ...]
    description: Description | None


def main(connection: Connection, slot: Array[c_ubyte], recipe: Recipe) -> None:
    """Answer requests until the worker hangs up or dies.

    Args:
        connection: Brings requests and takes answers. The first message sent says that the process
            is ready.
        slot: Takes the pixels.
        recipe: Makes the decoder.
    """
    # Looking for garbage among the modules would write to memory that all processes share.
    gc.freeze()
    # A terminal or systemd sends these to all processes; the worker finishes what it does first.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_worker, daemon=True).start()
    _die_before_worker()
    keep_freed_memory(_KEPT_BYTES)
    configure_logs(recipe.settings)
    blobs = open_blobs(recipe.settings, connect(recipe.settings.redis)).originals
    decoder = InlineDecoder.of(recipe.settings, blobs, recipe.preprocessing)
    budget, pixels = _AskedBudget(connection), np.ctypeslib.as_array(slot)
    with suppress(EOFError, ConnectionError):
        connection.send(None)
        while True:
            request: Request = connection.recv()
            with bound(**request.log_fields), _limited(recipe.settings.decode_cpu_s_max):
                answer = _answer(decoder, request, Room(budget), pixels)
            connection.send(answer)


@contextmanager
def _limited(cpu_s: float) -> Iterator[None]:
    """Let the kernel end this process if the block takes more processor time.

    It does so even if a decoder holds the interpreter's lock.
    """
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _end_with_worker() -> None:
    """End this process with the worker, even if it would decode a picture for long."""
    if worker := parent_process():
        worker.join()
        os._exit(1)


def _die_before_worker() -> None:
    """Let Linux, when it is out of memory, kill this process rather than the worker."""
    file = Path("/proc/self/oom_score_adj")
    with suppress(OSError):
        file.write_text(str(min(int(file.read_text()) + _OOM_SCORE, _OOM_SCORE_MAX)))


class _AskedBudget:
    """Asks the worker for what a large picture takes; the worker gives it back itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, size: int) -> None:
        """Ask for bytes; block until there is room."""
        if size > GRANTED_BYTES:
            self._connection.send(Needs(size))
            self._connection.recv()

    def give_back(self, size: int) -> None:
        """Do nothing."""


def _answer(
    decoder: Decoder, request: Request, room: Room, slot: NDArray[np.uint8]
) -> Done | GlimpseError:
    tenant, image_id, description = request.tenant, request.image_id, None
    try:
        if request.is_new:
            pixels, description = decoder.prepare_new(tenant, image_id, room)
        else:
            pixels = decoder.prepare(tenant, image_id, room)
        with preparing(image_id):
            slot[: pixels.size] = pixels.ravel()
    except GlimpseError as error:
        return error
    return Done(pixels.shape, description)
