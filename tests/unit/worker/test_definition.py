"""What each version of Milvus supports of a collection's definition."""

from __future__ import annotations

import pytest

from common.errors import IndexUnsupported
from common.vector_index import IndexKind, VectorIndex
from worker.stores.milvus.definition import Definition, Server
from worker.stores.milvus.index import built_index, index_params, search_params
from worker.stores.milvus.syntax import Dialect

LITE, OLD, SMALL, NEW = Server(""), Server("v2.3.5"), Server("v2.3.5-lite"), Server("2.6.19")


def of(kind: IndexKind) -> Definition:
    return Definition(VectorIndex.of(kind))


@pytest.mark.parametrize(
    ("server", "definition", "setting"),
    [
        (LITE, of("HNSW"), "GLIMPSE_MILVUS_INDEX=HNSW"),
        (LITE, Definition(mmap=True), "GLIMPSE_MILVUS_MMAP"),
        (LITE, Definition(shards=2), "GLIMPSE_MILVUS_SHARDS"),
        (LITE, Definition(replicas=2), "GLIMPSE_MILVUS_REPLICAS"),
        (LITE, Definition(partition_key=True), "GLIMPSE_MILVUS_PARTITION_KEY"),
        (OLD, Definition(partition_key=True), "GLIMPSE_MILVUS_PARTITION_KEY"),
        (OLD, of("IVF_RABITQ"), "GLIMPSE_MILVUS_INDEX=IVF_RABITQ"),
        (SMALL, of("DISKANN"), "GLIMPSE_MILVUS_INDEX=DISKANN"),
        (Server("unknown"), Definition(partition_key=True), "GLIMPSE_MILVUS_PARTITION_KEY"),
    ],
)
def test_what_a_version_lacks_is_refused_by_the_settings_name(
    server: Server, definition: Definition, setting: str
) -> None:
    with pytest.raises(IndexUnsupported, match=f"does not support {setting};"):
        server.require(definition)


@pytest.mark.parametrize(
    ("server", "definition"),
    [
        (LITE, Definition()),
        (LITE, of("FLAT")),
        (OLD, of("DISKANN")),
        (NEW, Definition(VectorIndex.of("IVF_RABITQ"), True, 4, 2, True)),
        (Server("v2.4.0"), Definition(partition_key=True)),
    ],
)
def test_what_a_version_has_is_accepted(server: Server, definition: Definition) -> None:
    server.require(definition)


def test_fields_of_filters_are_indexed_as_far_as_the_version_can() -> None:
    assert LITE.scalar_indexes() == Server("Zilliz Cloud").scalar_indexes() == {}
    assert OLD.scalar_indexes() == {"tenant": "Trie", "indexed_at": "STL_SORT"}
    assert set(Server("2.4.1").scalar_indexes()) == {"tenant", "indexed_at"}
    assert set(NEW.scalar_indexes()) == {"tenant", "indexed_at", "tags"}


def test_a_search_considers_twice_as_many_candidates_as_it_returns() -> None:
    index = VectorIndex.of("SCANN", {"reorder_k": 50, "nprobe": 16})
    assert search_params(index, 10)["params"] == {"nprobe": 16, "reorder_k": 50}
    assert search_params(index, 1000)["params"] == {"nprobe": 16, "reorder_k": 2000}


def test_an_index_of_another_kind_is_searched_with_its_own_parameters() -> None:
    wanted = VectorIndex.of("HNSW", {"ef": 300})
    described = {"index_type": "IVF_FLAT", "nlist": "64"}
    assert built_index(described, wanted) == VectorIndex(
        "IVF_FLAT", {"nlist": 64}, VectorIndex.of("IVF_FLAT").search
    )
    assert search_params(built_index(described, wanted), 10)["params"] == {"nprobe": 64}
    assert built_index({"index_type": "HNSW", "M": "8", "efConstruction": "50"}, wanted) == (
        VectorIndex("HNSW", {"M": 8, "efConstruction": 50}, {"ef": 300})
    )


def test_an_unknown_index_is_searched_with_milvus_own_parameters() -> None:
    assert built_index({"index_type": "IVF_PQ"}, VectorIndex.of("HNSW")) is None
    assert search_params(None, 10) == {"metric_type": "COSINE", "params": {}}


def test_rabitq_is_built_with_refinement() -> None:
    (index,) = index_params(VectorIndex.of("IVF_RABITQ"))
    assert index.get_index_configs()["refine"]


def test_what_a_version_can_express() -> None:
    assert LITE.dialect == Dialect(has_infix=False, has_not=False, negates_missing=True)
    assert OLD.dialect == Dialect(has_infix=False, has_not=True, negates_missing=True)
    assert Server("v2.4.1").dialect == Dialect(has_infix=True, has_not=True, negates_missing=True)
    assert NEW.dialect == Dialect(has_infix=True, has_not=True, negates_missing=False)
    unknown = Server("Zilliz Cloud").dialect
    assert unknown == Dialect(has_infix=False, has_not=True, negates_missing=False)
