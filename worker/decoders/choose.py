"""Chooses whether a worker's decoders are threads or processes."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.settings import Settings
from worker.decoders.base import Decoder
from worker.decoders.inline import InlineDecoder
from worker.decoders.process import Preprocessing, Recipe
from worker.decoders.processes import DecoderProcesses
from worker.decoding_time import DecodingTime
from worker.encoders.base import Encoder


def choose_decoder(
    settings: Settings,
    blobs: BlobStore,
    encoder: Encoder,
    example: NDArray[np.uint8],
    decoding_time: DecodingTime | None = None,
    on_death: Callable[[], None] = lambda: None,
) -> Decoder:
    """Return the decoder that the settings name; on a GPU, by default, it is processes.

    Args:
        settings: The worker's settings.
        blobs: Read and written by threads; processes open it anew.
        encoder: The model.
        example: A preprocessed picture.
        decoding_time: Measures how long threads take; processes limit it themselves.
        on_death: Called when a process has died of an image.

    Raises:
        DecodersUnavailable: A process cannot be started.
    """
    chosen = settings.decode_in
    if chosen == "threads" or (chosen == "auto" and encoder.device == "cpu"):
        return InlineDecoder.of(settings, blobs, encoder, decoding_time)
    recipe = Recipe(settings, Preprocessing.of(encoder))
    return DecoderProcesses(decode_threads(settings), recipe, example.nbytes, on_death)


def decode_threads(settings: Settings) -> int:
    """Return the number of threads that read and decode, each with a process of its own if any."""
    return settings.decode_threads or os.cpu_count() or 1
