"""Lists and drops the collections of models, for the API."""

from __future__ import annotations

from common.contract import Dropped, DropRequest, ModelsList, ModelsRequest
from worker.stores.collections import Collections


class ModelCatalog:
    """Runs ``models.list`` and ``models.drop``; both raise ``ServiceError`` during an outage."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def list(self, request: ModelsRequest) -> ModelsList:  # noqa: ARG002 it has no fields
        """Return every model that has a collection."""
        return ModelsList(collections=self._collections.all())

    def drop(self, request: DropRequest) -> Dropped:
        """Drop a model's collection."""
        return Dropped(existed=self._collections.drop(request.model))
