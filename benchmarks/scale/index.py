"""Recall, latency, build time and memory of each kind of index on a Milvus server.

Vectors are like those of pictures (``benchmarks.store.recall``). The true nearest are found by
brute force in numpy. After an index is built, the server is restarted, so that its memory holds
what a search needs and nothing that building left behind.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from pymilvus import MilvusClient, MilvusException

from benchmarks.figures import Figure, Measured, percentile
from benchmarks.store.recall import DIM, LIKE_PICTURES, vectors_of
from benchmarks.store.rows import TOP_K, Vectors, rows
from common.contract import DEFAULT_TENANT
from common.vector_index import IndexKind, VectorIndex
from tests.support.polling import wait_for
from tests.support.services import MilvusServer
from worker.stores.identity import Identity
from worker.stores.milvus.entities import to_entity
from worker.stores.milvus.filter import expression
from worker.stores.milvus.index import index_params, search_params
from worker.stores.milvus.schema import HIT_FIELDS, VECTOR, collection_schema

# Rows of each round; the second has rows of the first.
_ROWS, _ROWS_QUICK = (100_000, 500_000), (1200,)
_SEARCHES, _SEARCHES_QUICK = 200, 5
# All kinds that Milvus 2.3.5 has, FLAT first: it compares all rows. The wheel is built without
# DISKANN, and IVF_RABITQ needs 2.6.
_KINDS: tuple[IndexKind, ...] = ("FLAT", "AUTOINDEX", "HNSW", "IVF_FLAT", "SCANN")
_KINDS_QUICK: tuple[IndexKind, ...] = ("FLAT", "HNSW")
# Lower bound on recall at ten, as for the store.
_RECALL_MIN = 0.98
_COLLECTION = "index"
# Searches before the measured ones: the first after loading are slow.
_WARM_UP = 5
# Rows per insert.
_BATCH = 1000
# Rows made at once, so that they do not take more memory than their vectors.
_PART = 20_000
# Timeout of building an index, and of a call, in seconds.
_BUILD_S, _CALL_S = 3600.0, 120.0
_POLL_S = 0.5
_KB_PER_MIB = 1024


def measure(quick: bool) -> Measured:
    """Measure each kind of index at each number of rows."""
    counts = _ROWS_QUICK if quick else _ROWS
    searches = _SEARCHES_QUICK if quick else _SEARCHES
    vectors = vectors_of(LIKE_PICTURES, counts[-1], seed=1)
    queries = vectors_of(LIKE_PICTURES, searches, seed=7)
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, MilvusServer(Path(folder)) as server:
        with _client(server) as client:
            client.create_collection(_COLLECTION, schema=collection_schema(_identity()))
        for before, count in pairwise((0, *counts)):
            with _client(server) as client:
                _insert(client, vectors[before:count], before)
            truth = _nearest(vectors[:count], queries)
            for kind in _KINDS_QUICK if quick else _KINDS:
                found = _measure(server, kind, queries, truth, restart=not quick)
                raw[f"{kind}, {count}"] = found
                figures += _figures(kind, count, found)
                print(kind, count, {**found, "ms": percentile(found["ms"], 50)}, flush=True)
    return Measured(figures, raw)


def _identity() -> Identity:
    return Identity("benchmark", "1", DIM)


@contextmanager
def _client(server: MilvusServer) -> Iterator[MilvusClient]:
    client = MilvusClient(server.uri, timeout=_CALL_S, dedicated=True)
    try:
        yield client
    finally:
        client.close()


def _insert(client: MilvusClient, vectors: Vectors, first: int) -> None:
    for start in range(0, len(vectors), _PART):
        made = rows(vectors[start : start + _PART], first + start)
        for at in range(0, len(made), _BATCH):
            batch = [to_entity(row) for row in made[at : at + _BATCH]]
            client.insert(_COLLECTION, batch, timeout=_CALL_S)
    client.flush(_COLLECTION, timeout=_BUILD_S)


def _nearest(vectors: Vectors, queries: Vectors) -> NDArray[np.int64]:
    """Return the indices of the nearest vectors by brute force: int64 [queries, TOP_K]."""
    best = [np.argpartition(-(vectors @ query), TOP_K)[:TOP_K] for query in queries]
    return np.stack(best)


def _measure(
    server: MilvusServer, kind: IndexKind, queries: Vectors, truth: NDArray[np.int64], restart: bool
) -> dict[str, Any]:
    index = VectorIndex.of(kind)
    with _client(server) as client:
        before_s = _cpu_s(server.pid)
        build_s = _build(client, index)
        build_cpu_s = _cpu_s(server.pid) - before_s
    if restart:
        server.kill()
        server.start()
    with _client(server) as client:
        idle_mib = _own_mib(server.pid)
        begun = time.perf_counter()
        _load(client)
        found = {
            "build_s": build_s,
            "build_cpu_s": build_cpu_s,
            "load_s": time.perf_counter() - begun,
            "idle_mib": idle_mib,
            **_search(client, index, queries, truth),
        }
        found["mib"] = _own_mib(server.pid)
        client.release_collection(_COLLECTION)
        client.drop_index(_COLLECTION, VECTOR)
    return found


def _build(client: MilvusClient, index: VectorIndex) -> float:
    """Build an index; return the seconds."""
    begun = time.perf_counter()
    client.create_index(_COLLECTION, index_params(index), timeout=_BUILD_S)

    def finished() -> bool:
        described = client.describe_index(_COLLECTION, VECTOR)
        return described.get("state") == "Finished" and not described.get("pending_index_rows")

    wait_for(finished, _BUILD_S, "the index")
    return time.perf_counter() - begun


def _load(client: MilvusClient) -> None:
    def loaded() -> bool:
        # After a restart, the server needs some time to know its nodes.
        try:
            client.load_collection(_COLLECTION, timeout=_BUILD_S)
        except MilvusException:
            time.sleep(_POLL_S)
            return False
        return True

    wait_for(loaded, _CALL_S, "the collection")


def _search(
    client: MilvusClient, index: VectorIndex, queries: Vectors, truth: NDArray[np.int64]
) -> dict[str, Any]:
    """Search as the store does, but without waiting for recent writes, as there are none."""
    ms, shares = [], []
    for number, query in enumerate([*queries[:_WARM_UP], *queries], start=-_WARM_UP):
        begun = time.perf_counter()
        found = client.search(
            _COLLECTION,
            [query],
            anns_field=VECTOR,
            filter=expression(DEFAULT_TENANT),
            limit=TOP_K,
            output_fields=list(HIT_FIELDS),
            search_params=search_params(index, TOP_K),
            consistency_level="Eventually",
            timeout=_CALL_S,
        )
        elapsed = (time.perf_counter() - begun) * 1000
        if number >= 0:
            ids = {int(hit["entity"]["image_id"], 16) for hit in found[0]}
            shares.append(len(ids.intersection(truth[number].tolist())) / TOP_K)
            ms.append(elapsed)
    return {"recall": float(np.mean(shares)), "ms": ms}


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _own_mib(pid: int) -> float:
    """Return the memory that a process has allocated, without files that it maps."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) / _KB_PER_MIB


def _figures(kind: IndexKind, count: int, found: dict[str, Any]) -> Sequence[Figure]:
    name = f"{kind}, {count:,} vectors"
    scans = kind == "FLAT"
    return [
        Figure(f"{name}, recall at {TOP_K}", found["recall"], "", at_least=_RECALL_MIN),
        Figure(
            f"{name}, search, p50",
            percentile(found["ms"], 50),
            "ms",
            scales="as the vectors" if scans else "as the segments, once a segment is full",
        ),
        Figure(f"{name}, build", found["build_s"], "s"),
        Figure(
            f"{name}, build, processor time", found["build_cpu_s"], "s", scales="as the vectors"
        ),
        Figure(f"{name}, memory of the server", found["mib"], "MiB", scales="as the vectors"),
        Figure(f"{name}, memory before loading", found["idle_mib"], "MiB"),
    ]
