"""Groups: hits with their near-duplicates folded into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.contract import Duplicate, Hit, ImageRecord, SearchRequest
from worker.search.duplicates import by_cosine, by_hash, distance, group
from worker.stores.base import Near, VectorStore
from worker.stores.hits import to_hit

# Number of best hits that are grouped, the same for every page, so that pages are consistent.
# Each vector is compared with all others.
GROUPED_HITS_MAX = 2000

Vector = NDArray[np.float32]


class Groups:
    """Finds groups of near-duplicates among the hits of a search.

    Args:
        store: Searched, and provides the hits' fingerprints.
    """

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    def find(self, request: SearchRequest, vector: Vector, min_score: float | None) -> list[Hit]:
        """Return a page of groups: each a best hit with its near-duplicates.

        Args:
            request: The search; ``offset`` and ``top_k`` count groups.
            vector: The query vector, of unit length.
            min_score: Minimum score of all members.
        """
        tenant = request.tenant
        near = self._store.nearest(tenant, vector, GROUPED_HITS_MAX, wanted=request.filter)
        if min_score is not None:
            near = [each for each in near if each.score >= min_score]
        groups = self._grouped(request, near)
        page = groups[request.offset : request.offset + request.top_k]
        ids = [each.image_id for alike in page for each in alike]
        records = {record.id: record for record in self._store.get(tenant, ids)}
        found = [[each for each in alike if each.image_id in records] for alike in page]
        return [_folded(alike, records) for alike in found if alike]

    def _grouped(self, request: SearchRequest, near: Sequence[Near]) -> list[list[Near]]:
        found = self._store.fingerprints(request.tenant, [each.image_id for each in near])
        # Images deleted meanwhile have none.
        stored = [each for each in near if each.image_id in found]
        if not stored:
            return []
        prints = [found[each.image_id] for each in stored]
        vectors = np.stack([each.vector for each in prints])
        if isinstance(request.group_duplicates, float):
            alike = by_cosine(vectors, request.group_duplicates)
        else:
            alike = by_hash(vectors, [each.perceptual_hash for each in prints])
        return [[stored[at] for at in members] for members in group(len(stored), alike)]


def _folded(alike: Sequence[Near], records: dict[str, ImageRecord]) -> Hit:
    (best, record), *others = ((each, records[each.image_id]) for each in alike)
    duplicates = [
        Duplicate(
            id=other.id,
            score=near.score,
            filename=other.filename,
            distance=distance(record.perceptual_hash, other.perceptual_hash),
        )
        for near, other in others
    ]
    return to_hit(best, record).model_copy(update={"duplicates": duplicates})
