"""``python -m benchmarks.cold_start.steps``: the steps of one worker's start, in a fresh process.

They run as in ``worker.runtime.serve``, with a store in memory.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from benchmarks.cold_start.span import Span
from common.contract import INGEST_QUEUE, QUEUES
from common.garbage import imports_ignored
from common.settings import load_settings

if TYPE_CHECKING:
    from worker.encoders.base import Encoder


def _import_modules() -> None:
    with imports_ignored():
        import worker.commands
        import worker.runtime.serve
        import worker.stores.milvus.store  # noqa: F401


def _first_inference(encoder: Encoder, queue: str) -> None:
    """Run the model for the first time: one picture, or what a search worker warms up with."""
    from PIL import Image

    from worker.search.warm_up import warm_up
    from worker.stores.registry import open_store

    if queue == INGEST_QUEUE:
        encoder.encode_images([encoder.preprocess(Image.new("RGB", (640, 480), "gray"))])
        return
    store = open_store(load_settings(), encoder)
    store.open()
    warm_up(encoder, store)


def _tune(encoder: Encoder) -> None:
    from PIL import Image

    from worker.ingest.batch_tuning import tune

    pixels = encoder.preprocess(Image.new("RGB", (640, 480), "gray"))
    tune(lambda count: encoder.encode_images([pixels] * count))


@click.command()
@click.option("--queue", type=click.Choice(QUEUES), required=True)
def main(queue: str) -> None:
    """Print the seconds of each step as JSON."""
    spans: dict[str, Span] = {}

    def step(name: str, run: Callable[[], object]) -> None:
        spans[name] = Span.of(run, time.process_time)

    step("imports", _import_modules)
    from worker.encoders.registry import load_encoder

    loaded: list[Encoder] = []
    bulk = queue == INGEST_QUEUE
    step("model", lambda: loaded.append(load_encoder(load_settings(), bulk=bulk)))
    step("first inference", partial(_first_inference, loaded[0], queue))
    if queue == INGEST_QUEUE:
        step("tuning, at the first start only", partial(_tune, loaded[0]))
    print(json.dumps({name: span.view() for name, span in spans.items()}))


if __name__ == "__main__":
    main()
