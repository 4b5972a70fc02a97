"""Runs a model's towers with OpenVINO, on CPUs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.allocator import return_freed_memory
from common.errors import EncoderError
from worker.encoders.backends.converted import Converted, padded

# Held during a tower's first inference: two threads that make a process's first one concurrently
# deadlock, since OpenVINO initialises a table of types while it waits for Python's global lock.
_FIRST = threading.Lock()


@dataclass(frozen=True, slots=True)
class Plan:
    """How OpenVINO runs a model on this machine.

    Attributes:
        products: Type of the matrix products, "f32" or "bf16".
        streams: Number of concurrent batches.
        threads: Threads of each.
        runs_on: As in ``worker.encoders.base.Encoder``.
    """

    products: str
    streams: int
    threads: int
    runs_on: str


class OpenVinoBackend:
    """OpenVINO on a CPU; see ``worker.encoders.backends.base.Backend``.

    Each tower is compiled when it is first used: an ingest worker embeds no texts.

    Args:
        core: OpenVINO's ``Core``.
        converted: The towers.
        plan: How to run them.
        lengths: Lengths that texts are padded to (``converted.text_lengths``).
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, core: Any, converted: Converted, plan: Plan, lengths: Sequence[int]) -> None:
        self.folder = converted.folder
        self.plan = plan
        self._lengths = lengths
        self.concurrency = plan.streams
        self.precision = "bf16" if plan.products == "bf16" else "fp32"
        self.runs_on = plan.runs_on
        # Streams divide the cores among the batches; a text gets all of them.
        streams, threads = plan.streams, plan.threads
        self._images = _Tower(core, converted.images, plan.products, streams, threads * streams)
        self._texts = _Tower(core, converted.texts, plan.products, 1, threads)

    def embed_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the image tower: uint8 [n, height, width, 3] -> float32 [n, dim]."""
        return self._images.run(pixels)

    def embed_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Run the text tower: int64 [n, length] -> float32 [n, dim]."""
        return self._texts.run(padded(tokens, self._lengths))


class _Tower:
    """A tower, compiled on first use; each thread takes an inference request of its own.

    Args:
        core: OpenVINO's ``Core``.
        model: The converted tower.
        precision: Type of the matrix products, "f32" or "bf16".
        streams: Number of concurrent batches.
        threads: Threads of all streams together.
    """

    def __init__(self, core: Any, model: Any, precision: str, streams: int, threads: int) -> None:
        self._core = core
        self._model = model
        self._streams = streams
        self._options = {
            "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads,
            # Workers share the cores with other processes, which pinned threads could not evade.
            "ENABLE_CPU_PINNING": False,
        }
        self._requests: SimpleQueue[Any] = SimpleQueue()

    def run(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run the tower on a batch.

        Raises:
            EncoderError: The model failed on this input.
        """
        try:
            self._compile(inputs[:1])
            request = self._requests.get()
            try:
                return np.array(request.infer([inputs], share_inputs=True)[0], np.float32)
            finally:
                self._requests.put(request)
        except (RuntimeError, ValueError, TypeError) as error:
            raise EncoderError(f"The model failed: {error}") from error

    def _compile(self, example: NDArray[Any]) -> None:
        with _FIRST:
            if self._model is not None:
                compiled = self._core.compile_model(self._model, "CPU", self._options)
                requests = [compiled.create_infer_request() for _ in range(self._streams)]
                for request in requests:
                    request.infer([example])
                    self._requests.put(request)
                self._model = None
                # torch's weights, which were in many small pieces.
                return_freed_memory()
