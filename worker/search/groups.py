"""Groups: hits with their near-duplicates folded into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.contract import Duplicate, Hit, ImageRecord, SearchRequest
from worker.search.duplicates import group
from worker.stores.base import Near, VectorStore
from worker.stores.hits import to_hit

# Number of best hits that are grouped, the same for every page, so that pages are consistent.
# Each vector is compared with all others.
GROUPED_HITS_MAX = 2000

Vector = NDArray[np.float32]


class Groups:
    """Finds groups of near-duplicates among the hits of a search.

    Args:
        store: Searched, and provides the hits' vectors.
    """

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    def find(self, request: SearchRequest, vector: Vector, threshold: float) -> list[Hit]:
        """Return a page of groups: each a best hit with its near-duplicates.

        Args:
            request: The search; ``offset`` and ``top_k`` count groups.
            vector: The query vector, of unit length.
            threshold: Minimum cosine of two near-duplicates.
        """
        tenant = request.tenant
        near = self._store.nearest(tenant, vector, GROUPED_HITS_MAX, wanted=request.filter)
        if request.min_score is not None:
            near = [each for each in near if each.score >= request.min_score]
        groups = self._grouped(tenant, near, threshold)
        page = groups[request.offset : request.offset + request.top_k]
        ids = [each.image_id for alike in page for each in alike]
        records = {record.id: record for record in self._store.get(tenant, ids)}
        found = [[each for each in alike if each.image_id in records] for alike in page]
        return [_folded(alike, records) for alike in found if alike]

    def _grouped(self, tenant: str, near: Sequence[Near], threshold: float) -> list[list[Near]]:
        vectors = self._store.vectors(tenant, [each.image_id for each in near])
        # Images deleted meanwhile have no vector.
        stored = [each for each in near if each.image_id in vectors]
        if not stored:
            return []
        groups = group(np.stack([vectors[each.image_id] for each in stored]), threshold)
        return [[stored[at] for at in alike] for alike in groups]


def _folded(alike: Sequence[Near], records: dict[str, ImageRecord]) -> Hit:
    best, *others = (to_hit(each, records[each.image_id]) for each in alike)
    duplicates = [Duplicate(id=hit.id, score=hit.score, filename=hit.filename) for hit in others]
    return best.model_copy(update={"duplicates": duplicates})
