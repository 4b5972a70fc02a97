"""open_clip in a loop of batches, with reader threads, into Milvus.

A model of reduced precision is made by open_clip's own option.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import open_clip
import torch
from PIL import Image
from torch import Tensor

from benchmarks.peers.adapters.loading import batches
from benchmarks.peers.adapters.places import OPENAI
from benchmarks.peers.adapters.rows import Rows
from benchmarks.peers.adapters.served import Embedded, Opening, serve

# OpenAI's architecture: with another activation than open_clip's own ViT-B-32.
_MODEL = "ViT-B-32-quickgelu"


class OpenClipLoop:
    """The model, and rows in Milvus."""

    def __init__(self, opening: Opening) -> None:
        self._model, _, self._preprocess = open_clip.create_model_and_transforms(
            _MODEL, pretrained=str(opening.checkpoints / OPENAI), precision=opening.precision
        )
        self._model.eval()
        self._dtype = open_clip.get_input_dtype(opening.precision) or torch.float32
        self._tokenizer = open_clip.get_tokenizer(_MODEL)
        self._batch = opening.batch
        self._rows = Rows(opening.milvus)

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        for paths, pixels in batches(folder, self._load, self._batch):
            with torch.inference_mode():
                vectors = self._model.encode_image(torch.stack(pixels), normalize=True)
            embedded(len(paths))
            self._rows.upsert(paths, vectors.float().numpy())

    def search(self, text: str) -> Sequence[str]:
        with torch.inference_mode():
            (vector,) = self._model.encode_text(self._tokenizer([text]), normalize=True)
        return self._rows.search(vector.float().numpy())

    def searchable(self) -> int:
        return self._rows.count()

    def _load(self, path: Path) -> Tensor:
        pixels: Tensor = self._preprocess(Image.open(path))
        return pixels.to(self._dtype)


if __name__ == "__main__":
    serve(OpenClipLoop)
