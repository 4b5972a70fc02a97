"""The index over the vectors as Milvus takes it: how to build it, and how to search it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymilvus import MilvusClient
from pymilvus.milvus_client.index import IndexParams

from common.vector_index import VectorIndex, is_kind
from worker.stores.milvus.schema import VECTOR

# Every index ranks by cosine similarity.
METRIC = "COSINE"
# Search parameters that count candidates: a search needs more of them than it returns hits. On
# vectors with 24 main directions among 512, a graph's default found 85 % of the ten nearest in
# 10,000 rows, and twelve times as many candidates all of them.
_CANDIDATES = frozenset({"ef", "reorder_k", "search_list"})
_PER_HIT = 2
# Parameters for building an index that have no setting. Without refinement, the bits of RaBitQ
# alone lose a third of the nearest.
_FIXED: Mapping[str, Mapping[str, Any]] = {"IVF_RABITQ": {"refine": True, "refine_type": "SQ8"}}


def index_params(index: VectorIndex) -> IndexParams:
    """Return the definition of an index over the vectors."""
    params = MilvusClient.prepare_index_params()
    build = {**index.build, **_FIXED.get(index.kind, {})}
    params.add_index(VECTOR, index_type=index.kind, metric_type=METRIC, params=build)
    return params


def search_params(index: VectorIndex | None, candidates: int) -> dict[str, Any]:
    """Return the parameters of a search for ``candidates`` hits, counted from the first.

    Args:
        index: The collection's index; None if its kind is unknown, so that Milvus chooses.
        candidates: The offset and the number of hits together.
    """
    params = {} if index is None else dict(index.search)
    for name in _CANDIDATES & params.keys():
        params[name] = max(params[name], _PER_HIT * candidates)
    if index is not None and "nprobe" in params:
        params["nprobe"] = min(params["nprobe"], index.build["nlist"])
    return {"metric_type": METRIC, "params": params}


def built_index(described: Mapping[str, Any], wanted: VectorIndex) -> VectorIndex | None:
    """Return the index that a collection has, or None if its kind is unknown.

    Args:
        described: Milvus's description of it.
        wanted: The index in the settings, whose search parameters apply if the kind is the same.
    """
    kind = described["index_type"]
    if not is_kind(kind):
        return None
    default = VectorIndex.of(kind)
    build = {name: int(described.get(name, value)) for name, value in default.build.items()}
    search = wanted.search if kind == wanted.kind else default.search
    return VectorIndex(kind, build, search)
