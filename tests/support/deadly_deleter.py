"""A search worker that dies in the middle of a deletion, as if by ``kill -9``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from common.settings import Settings, load_settings
from worker.encoders.base import Encoder
from worker.runtime import serve
from worker.stores.identity import Identity
from worker.stores.milvus.store import MilvusStore
from worker.stores.registry import collection_name


class DeadlyStore(MilvusStore):
    """The real store, except that a delete kills the process before or after it happens."""

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        if os.environ["DEADLY_STEP"] == "after":
            super().delete(tenant, ids)
        os._exit(1)


def open_store(settings: Settings, encoder: Encoder) -> DeadlyStore:
    """Return the deadly store for an encoder's vectors."""
    name = collection_name(encoder.name)
    return DeadlyStore(settings.milvus_uri, settings.milvus_token, name, Identity.of(encoder))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    serve.open_store = open_store
    serve.serve(load_settings(), "search", f"search@deadly.{os.getpid()}")
