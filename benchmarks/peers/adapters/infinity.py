"""infinity-emb's engine, called in its own process, into Milvus.

The engine reads, batches and embeds pictures in threads of its own. On a CPU it ignores its option
``dtype``, so a model of reduced precision is cast by us.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from infinity_emb import AsyncEmbeddingEngine, EngineArgs

from benchmarks.peers.adapters.loading import jpegs
from benchmarks.peers.adapters.places import HUGGING_FACE
from benchmarks.peers.adapters.rows import Rows
from benchmarks.peers.adapters.served import Embedded, Opening, serve

Found = TypeVar("Found")

# Batches that are handed to the engine at a time: one that it embeds, and those that it reads.
_BATCHES_AT_ONCE = 3


class Infinity:
    """The engine on an event loop of its own, and rows in Milvus."""

    def __init__(self, opening: Opening) -> None:
        self._batch = opening.batch
        self._rows = Rows(opening.milvus)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._engine = AsyncEmbeddingEngine.from_args(
            EngineArgs(
                model_name_or_path=str(opening.checkpoints / HUGGING_FACE),
                engine="torch",
                device="cpu",
                batch_size=opening.batch,
                model_warmup=False,
            )
        )
        if opening.precision == "bf16":
            for replica in self._engine._model_replicas:
                replica.model.to(torch.bfloat16)
        self._run(self._engine.astart())

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        self._run(self._ingest(jpegs(folder), embedded))

    async def _ingest(self, paths: Sequence[Path], embedded: Embedded) -> None:
        turns = asyncio.Semaphore(_BATCHES_AT_ONCE)
        starts = range(0, len(paths), self._batch)
        parts = [paths[start : start + self._batch] for start in starts]
        await asyncio.gather(*(self._ingest_part(part, turns, embedded) for part in parts))

    async def _ingest_part(
        self, paths: Sequence[Path], turns: asyncio.Semaphore, embedded: Embedded
    ) -> None:
        async with turns:
            vectors, _ = await self._engine.image_embed(images=[p.read_bytes() for p in paths])
            embedded(len(paths))
            await asyncio.to_thread(self._rows.upsert, [str(path) for path in paths], vectors)

    def search(self, text: str) -> Sequence[str]:
        return self._rows.search(self._run(self._embed(text)))

    async def _embed(self, text: str) -> Any:
        (vector,), _ = await self._engine.embed(sentences=[text])
        return vector

    def searchable(self) -> int:
        return self._rows.count()

    def _run(self, work: Coroutine[Any, Any, Found]) -> Found:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


if __name__ == "__main__":
    serve(Infinity)
