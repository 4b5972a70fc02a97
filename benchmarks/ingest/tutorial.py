"""The plain way: one picture at a time, as in Milvus's tutorial on text-to-image search.

    GLIMPSE_CLIP_WEIGHTS=FILE python -m benchmarks.ingest.tutorial --photos DIR

Without weights it uses a small random model, for a quick run.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.peers.adapters.tutorial import Tutorial, load
from benchmarks.photographs import paths_in
from tests.support.clip_weights import SMALL, random_clip
from tests.support.services import MilvusLite

# Pictures to embed: more would take long, at the same rate.
_PICTURES = 330


def measure(photos: Path, tutorial: Tutorial) -> dict[str, Any]:
    """Embed photographs and insert the rows; return the rate and the times."""
    paths = paths_in(photos)[:_PICTURES]
    # The first inference of a process is always slow.
    tutorial.encode(paths[0])
    begun = time.perf_counter()
    rows = [{"vector": tutorial.encode(path), "filepath": str(path)} for path in paths]
    encoded = time.perf_counter()
    tutorial.insert(rows)
    ended = time.perf_counter()
    tutorial.close()
    return {
        "images_per_s": len(paths) / (ended - begun),
        "encode_s": encoded - begun,
        "insert_s": ended - encoded,
    }


@click.command()
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--weights", envvar="GLIMPSE_CLIP_WEIGHTS", type=click.Path(path_type=Path))
def main(photos: Path, weights: Path | None) -> None:
    """Measure the plain way and print JSON."""
    model = load(weights) if weights else random_clip(SMALL)
    with tempfile.TemporaryDirectory() as folder, MilvusLite(Path(folder)) as lite:
        print(json.dumps(measure(photos, Tutorial(model, lite.uri))))


if __name__ == "__main__":
    main()
