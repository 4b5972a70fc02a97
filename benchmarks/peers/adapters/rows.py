"""Rows in Milvus, for peers that have no store: the id is the picture's path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pymilvus import DataType, MilvusClient

from benchmarks.peers.adapters.served import TOP_K

# Length of ViT-B/32's vectors, and of the longest path in bytes.
_DIM, _PATH_BYTES_MAX = 512, 1024
_COLLECTION = "pictures"


class Rows:
    """A collection of paths and vectors.

    Args:
        uri: Address of the Milvus.
    """

    def __init__(self, uri: str) -> None:
        self._client = MilvusClient(uri)
        if self._client.has_collection(_COLLECTION):
            return
        self._client.create_collection(
            _COLLECTION,
            dimension=_DIM,
            id_type=DataType.VARCHAR,
            max_length=_PATH_BYTES_MAX,
            metric_type="COSINE",
            consistency_level="Strong",
        )

    def upsert(self, paths: Sequence[str], vectors: Iterable[Any]) -> None:
        """Write rows, which searches then find."""
        rows = [{"id": path, "vector": v} for path, v in zip(paths, vectors, strict=True)]
        self._client.upsert(_COLLECTION, rows)

    def search(self, vector: Any) -> list[str]:
        """Return the paths of the nearest rows."""
        (hits,) = self._client.search(_COLLECTION, data=[vector], limit=TOP_K)
        return [str(hit["id"]) for hit in hits]

    def count(self) -> int:
        """Return the number of rows."""
        (row,) = self._client.query(_COLLECTION, filter="", output_fields=["count(*)"])
        return int(row["count(*)"])
