"""Milvus's tutorial on text-to-image search, with the ``clip`` package: one picture at a time.

It runs CLIP in float32, and inserts all rows at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import clip
import torch
from clip.clip import _transform
from clip.model import CLIP, build_model
from PIL import Image
from pymilvus import MilvusClient
from torch import Tensor

from benchmarks.peers.adapters.loading import jpegs
from benchmarks.peers.adapters.places import OPENAI
from benchmarks.peers.adapters.served import TOP_K, Embedded, Opening, serve

# Collection name from the tutorial.
_COLLECTION = "image_collection"
# Timeout of the insert in seconds; Milvus Lite is slow with this many rows at once.
_INSERT_TIMEOUT_S = 600.0


def load(weights: Path) -> CLIP:
    """Load weights as ``clip.load`` used to, which no longer reads state dicts."""
    try:
        state = torch.jit.load(weights, "cpu").state_dict()  # type: ignore[no-untyped-call]
    except RuntimeError:
        state = torch.load(weights, "cpu", weights_only=True)
    return build_model(state).float()


class Tutorial:
    """The tutorial's collection and loop.

    Args:
        model: CLIP in float32.
        uri: Address of the Milvus.
    """

    def __init__(self, model: CLIP, uri: str) -> None:
        self._model = model
        self._preprocess = _transform(model.visual.input_resolution)
        self._client = MilvusClient(uri, timeout=_INSERT_TIMEOUT_S, dedicated=True)
        if self._client.has_collection(_COLLECTION):
            return
        self._client.create_collection(
            _COLLECTION,
            dimension=model.text_projection.shape[1],
            metric_type="COSINE",
            auto_id=True,
            enable_dynamic_field=True,
        )

    def encode(self, path: Path) -> list[float]:
        """Return the unit vector of a picture."""
        pixels = self._preprocess(Image.open(path)).unsqueeze(0)
        return _unit(self._model.encode_image, pixels)

    def insert(self, rows: list[dict[str, Any]]) -> None:
        """Insert the rows of all pictures."""
        self._client.insert(_COLLECTION, rows, timeout=_INSERT_TIMEOUT_S)

    def close(self) -> None:
        """Disconnect from Milvus."""
        self._client.close()

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        """Embed every picture of a folder, and then insert the rows."""
        rows = []
        for path in jpegs(folder):
            rows.append({"vector": self.encode(path), "filepath": str(path)})
            embedded(1)
        self.insert(rows)

    def search(self, text: str) -> Sequence[str]:
        """Return the paths of the nearest pictures."""
        vector = _unit(self._model.encode_text, clip.tokenize(text))
        (hits,) = self._client.search(
            _COLLECTION, data=[vector], limit=TOP_K, output_fields=["filepath"]
        )
        return [hit["entity"]["filepath"] for hit in hits]

    def searchable(self) -> int:
        """Return the number of different pictures: a second run inserts all once again."""
        rows = self._client.query(
            _COLLECTION, filter="id >= 0", output_fields=["filepath"], consistency_level="Strong"
        )
        return len({row["filepath"] for row in rows})


def _unit(encode: Callable[[Tensor], Tensor], batch: Tensor) -> list[float]:
    with torch.no_grad():
        features = encode(batch)
        features /= features.norm(dim=-1, keepdim=True)
    vector: list[float] = features.squeeze().tolist()
    return vector


def _open(opening: Opening) -> Tutorial:
    return Tutorial(load(opening.checkpoints / OPENAI), opening.milvus)


if __name__ == "__main__":
    serve(_open)
