"""The index over vectors: which parameters belong to which kind."""

from __future__ import annotations

import pytest

from common.errors import InvalidSettings
from common.settings import load_settings
from common.vector_index import VectorIndex


def test_without_parameters_a_kind_has_its_defaults() -> None:
    index = VectorIndex.of("HNSW")
    assert index.build == {"M": 16, "efConstruction": 200}
    assert index.search == {"ef": 128}


def test_parameters_are_read_from_the_settings() -> None:
    index = load_settings(
        {"GLIMPSE_MILVUS_INDEX": "IVF_FLAT", "GLIMPSE_MILVUS_INDEX_PARAMS": "nlist=64, nprobe=8"}
    ).vector_index
    assert index == VectorIndex("IVF_FLAT", {"nlist": 64}, {"nprobe": 8})


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("GRAPH", "", "GLIMPSE_MILVUS_INDEX: .*'HNSW'"),
        ("HNSW", "nlist=64", "nlist is not a parameter of HNSW; it has: M, efConstruction, ef"),
        ("FLAT", "ef=64", "ef is not a parameter of FLAT; it has: none"),
        ("HNSW", "M=1", "M must be from 2 to 2048"),
        ("HNSW", "M:16", "NAME=NUMBER"),
        ("HNSW", "M=many", "NAME=NUMBER"),
    ],
)
def test_what_does_not_fit_is_refused_at_the_start(kind: str, params: str, message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        load_settings({"GLIMPSE_MILVUS_INDEX": kind, "GLIMPSE_MILVUS_INDEX_PARAMS": params})
