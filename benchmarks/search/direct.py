"""The same work without Glimpse: encode a sentence and search Milvus, in one process.

GLIMPSE_MILVUS_URI=... GLIMPSE_CLIP_WEIGHTS=FILE python -m benchmarks.search.direct --count 200
"""

from __future__ import annotations

import json
import time

import click

from benchmarks.search.sentences import sentence
from common.contract import DEFAULT_TENANT
from common.settings import load_settings
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder
from worker.stores.base import VectorStore
from worker.stores.registry import open_store

# Hits of a search, the default of the API.
_TOP_K = 10
# Warm-up searches, which are not timed.
_WARM_UP = 20


def measure(encoder: Encoder, store: VectorStore, first: int, count: int) -> dict[str, list[float]]:
    """Return the milliseconds of each search: total, encoding and searching."""
    timed = [_timed(encoder, store, number) for number in range(first - _WARM_UP, first + count)]
    encoded, searched = zip(*timed[_WARM_UP:], strict=True)
    return {
        "ms": [sum(halves) for halves in timed[_WARM_UP:]],
        "encode_ms": list(encoded),
        "search_ms": list(searched),
    }


def _timed(encoder: Encoder, store: VectorStore, number: int) -> tuple[float, float]:
    begun = time.perf_counter()
    vector = encoder.encode_texts([sentence(number)])[0]
    encoded = time.perf_counter()
    store.search(DEFAULT_TENANT, vector, _TOP_K)
    return (encoded - begun) * 1000, (time.perf_counter() - encoded) * 1000


@click.command()
@click.option("--first", default=_WARM_UP, help="Number of the first sentence.")
@click.option("--count", required=True, type=int, help="Searches to time.")
def main(first: int, count: int) -> None:
    """Time direct searches and print JSON."""
    settings = load_settings()
    encoder = load_encoder(settings)
    store = open_store(settings, encoder)
    store.open()
    print(json.dumps(measure(encoder, store, first, count)))
    store.close()


if __name__ == "__main__":
    main()
