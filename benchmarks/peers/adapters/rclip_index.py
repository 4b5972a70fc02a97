"""rclip's own index and search, on its SQLite database.

rclip asks for a model by the place of its files, so it can be given any. Its preprocessing is for
256 pixels; it is set to those of ViT-B/32, so that all peers run the same model.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rclip import db, main, model
from rclip.utils import preprocess

from benchmarks.peers.adapters.places import RCLIP
from benchmarks.peers.adapters.served import TOP_K, Embedded, Opening, serve

preprocess.IMAGE_SIZE = 224


class _Model(model.Model):  # type: ignore[misc]
    """rclip's model, which tells how many pictures it has embedded."""

    embedded: Embedded

    def compute_preprocessed_image_features(self, images: list[Any], **options: Any) -> Any:
        vectors = super().compute_preprocessed_image_features(images, **options)
        self.embedded(len(images))
        return vectors


class RClipIndex:
    """The program's parts, as its command line puts them together."""

    def __init__(self, opening: Opening) -> None:
        os.environ["RCLIP_DATADIR"] = str(opening.checkpoints / RCLIP)
        opening.store.mkdir(exist_ok=True)
        self._file = opening.store / "db.sqlite3"
        self._batch = opening.batch
        self._model = _Model()
        # Each of its databases belongs to the thread that opens it.
        self._searching = self._opened()
        self._folder = "/"

    def _opened(self) -> Any:
        return main.RClip(self._model, db.DB(self._file), self._batch, None)

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        self._model.embedded = embedded
        indexing = self._opened()
        indexing.ensure_index(str(folder))
        indexing.close()

    def search(self, text: str) -> Sequence[str]:
        hits = self._searching.search(text, self._folder, TOP_K)
        return [hit.filepath for hit in hits]

    def searchable(self) -> int:
        paths, _ = self._searching._get_features(self._folder)
        return len(paths)


if __name__ == "__main__":
    serve(RClipIndex)
