"""The limit of concurrent searches: the encoder alone, with batches of texts.

GLIMPSE_CLIP_WEIGHTS=FILE python -m benchmarks.search.limit --first 1000 --count 640
"""

from __future__ import annotations

import json
import time

import click

from benchmarks.search.sentences import sentence
from common.settings import load_settings
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder

# Texts per batch: as many as a search worker encodes at once.
BATCH = 32
# Batches for warming up, which are not timed.
_WARM_UP = 3


def measure(encoder: Encoder, first: int, count: int) -> float:
    """Return the seconds to encode ``count`` sentences in batches."""
    for number in range(_WARM_UP):
        _encode(encoder, first + number * BATCH, BATCH)
    begun = time.perf_counter()
    for done in range(0, count, BATCH):
        _encode(encoder, first + done, min(BATCH, count - done))
    return time.perf_counter() - begun


def _encode(encoder: Encoder, first: int, count: int) -> None:
    encoder.encode_texts([sentence(number) for number in range(first, first + count)])


@click.command()
@click.option("--first", default=0, help="Number of the first sentence.")
@click.option("--count", required=True, type=int, help="Sentences to time.")
def main(first: int, count: int) -> None:
    """Encode sentences, and print the seconds as JSON."""
    print(json.dumps({"seconds": measure(load_encoder(load_settings()), first, count)}))


if __name__ == "__main__":
    main()
