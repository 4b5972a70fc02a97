"""clip-retrieval: its inference into files, its index of them, and its search.

Each ingest is a run of ``clip-retrieval inference`` and ``clip-retrieval index``, and a load of the
index as ``clip-retrieval back`` does it. An index has the pictures of one run, and no others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from all_clip import load_clip
from clip_retrieval.clip_back import ClipOptions, KnnService, load_clip_indices
from clip_retrieval.clip_index import clip_index
from clip_retrieval.clip_inference import mapper
from clip_retrieval.clip_inference.main import main as clip_inference

from benchmarks.peers.adapters.places import OPENAI
from benchmarks.peers.adapters.served import TOP_K, Embedded, Opening, serve

# Processes that read pictures ahead, one for each of two cores.
_READERS = 2


class ClipRetrievalIndex:
    """The runs of the program, and the last one's index."""

    def __init__(self, opening: Opening) -> None:
        self._model = f"open_clip:ViT-B-32-quickgelu/{opening.checkpoints / OPENAI}"
        self._batch = opening.batch
        self._store = opening.store
        self._store.mkdir(exist_ok=True)
        self._runs = [path for path in sorted(self._store.iterdir()) if _complete(path)]
        self._searches: Any = None
        load_clip(self._model, use_jit=False, warmup_batch_size=1, device="cpu")
        if self._runs:
            self._load()

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        run = self._store / f"run-{len(list(self._store.iterdir())):03}"
        with _counted(embedded):
            clip_inference(
                str(folder),
                str(run),
                enable_text=False,
                batch_size=self._batch,
                num_prepro_workers=_READERS,
                clip_model=self._model,
            )
        clip_index(str(run), str(run / "index"))
        self._runs.append(run)
        self._load()

    def _load(self) -> None:
        named = self._store.parent / "indices.json"
        named.write_text(json.dumps({"pictures": str(self._runs[-1] / "index")}))
        options = ClipOptions(
            indice_folder="",
            clip_model=self._model,
            enable_hdf5=False,
            enable_faiss_memory_mapping=False,
            columns_to_return=["image_path"],
            reorder_metadata_by_ivf_index=False,
            enable_mclip_option=False,
            use_jit=False,
            use_arrow=False,
            provide_safety_model=False,
            provide_violence_detector=False,
            provide_aesthetic_embeddings=False,
        )
        self._searches = KnnService(clip_resources=load_clip_indices(str(named), options))

    def search(self, text: str) -> Sequence[str]:
        hits = self._searches.query(
            text_input=text, num_images=TOP_K, num_result_ids=TOP_K, deduplicate=False
        )
        return [hit["image_path"] for hit in hits]

    def searchable(self) -> int:
        if self._searches is None:
            return 0
        resources = self._searches.clip_resources
        return int(resources["pictures"].image_index.ntotal)


def _complete(run: Path) -> bool:
    return (run / "index" / "image.index").exists()


@contextmanager
def _counted(embedded: Embedded) -> Iterator[None]:
    """Report the pictures of each batch that the program embeds during the block."""
    embed = mapper.ClipMapper.__call__

    def counted(one: Any, item: Any) -> Any:
        vectors = embed(one, item)
        embedded(len(item["image_filename"]))
        return vectors

    mapper.ClipMapper.__call__ = counted
    try:
        yield
    finally:
        mapper.ClipMapper.__call__ = embed


if __name__ == "__main__":
    serve(ClipRetrievalIndex)
