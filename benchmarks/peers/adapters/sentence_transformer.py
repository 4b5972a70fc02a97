"""sentence-transformers' CLIP, its batches read by threads, into Milvus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy import ndarray
from PIL import Image
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.transformer import Transformer

from benchmarks.peers.adapters.loading import batches
from benchmarks.peers.adapters.places import HUGGING_FACE
from benchmarks.peers.adapters.rows import Rows
from benchmarks.peers.adapters.served import Embedded, Opening, serve

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class SentenceTransformerClip:
    """The model, and rows in Milvus."""

    def __init__(self, opening: Opening) -> None:
        clip = Transformer(
            str(opening.checkpoints / HUGGING_FACE),
            model_kwargs={"dtype": _DTYPES[opening.precision]},
        )
        self._model = SentenceTransformer(modules=[clip], device="cpu")
        self._batch = opening.batch
        self._rows = Rows(opening.milvus)

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        for paths, pictures in batches(folder, _load, self._batch):
            vectors = self._encode(pictures)
            embedded(len(paths))
            self._rows.upsert(paths, vectors)

    def search(self, text: str) -> Sequence[str]:
        (vector,) = self._encode([text])
        return self._rows.search(vector)

    def searchable(self) -> int:
        return self._rows.count()

    def _encode(self, inputs: list[Image.Image] | list[str]) -> ndarray[Any, Any]:
        vectors = self._model.encode(
            inputs, batch_size=self._batch, convert_to_tensor=True, show_progress_bar=False
        )
        return vectors.float().numpy()


def _load(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


if __name__ == "__main__":
    serve(SentenceTransformerClip)
