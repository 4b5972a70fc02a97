"""The work of a task, and its surroundings, which environment variables name."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import redis
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pymilvus import MilvusClient

from worker.encoders.crop import centre_square

# Variables: URL of the broker, URL of the results, address of Milvus, folder of the pictures,
# pictures per task, names of the first picture and of the one after the last, and seconds after
# which the work of a dead worker is due again.
BROKER = os.environ.get("QUEUES_BROKER", "")
RESULTS = os.environ.get("QUEUES_RESULTS", "")
_MILVUS = os.environ.get("QUEUES_MILVUS", "")
_PICTURES = Path(os.environ.get("QUEUES_PICTURES", "."))
PER_TASK = int(os.environ.get("QUEUES_PER_TASK", "1"))
_FIRST, _END = int(os.environ.get("QUEUES_FIRST", "0")), int(os.environ.get("QUEUES_END", "0"))
LEASE_S = int(os.environ.get("QUEUES_LEASE_S", "10"))

# Where rows are written, and the hash that counts how often a picture was embedded.
COLLECTION, EMBEDDED = "images", "embedded"
# Input side of ViT-B/32 in pixels, length of its vectors, and distinct ones.
_SIDE, DIM, _VECTORS = 224, 512, 4096


@cache
def _vectors() -> NDArray[np.float32]:
    rows = np.random.RandomState(0).standard_normal((_VECTORS, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@cache
def _milvus() -> MilvusClient:
    return MilvusClient(uri=_MILVUS)


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(BROKER)


def index(names: Sequence[str]) -> int:
    """Embed pictures and make them searchable; return how many."""
    rows = [{"id": name, "vector": _embedded(name)} for name in names]
    # For what is done twice; one round trip for each task.
    pipe = _redis().pipeline(transaction=False)
    for name in names:
        pipe.hincrby(EMBEDDED, name, 1)
    pipe.execute()
    _milvus().upsert(COLLECTION, rows)
    return len(names)


def _embedded(name: str) -> NDArray[np.float32]:
    """Return a picture's vector; it is decoded as for ViT-B/32."""
    with Image.open(_PICTURES / name) as opened:
        opened.draft("RGB", (2 * _SIDE, 2 * _SIDE))
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    centre_square(upright, _SIDE)
    return np.asarray(_vectors()[int(Path(name).stem) % _VECTORS])


def tasks() -> Iterator[list[str]]:
    """Yield the names of the pictures of each task."""
    for start in range(_FIRST, _END, PER_TASK):
        yield [f"{number}.jpg" for number in range(start, min(start + PER_TASK, _END))]


def send(enqueue: Callable[[list[str]], object]) -> None:
    """Send all tasks, and report."""
    begun = now()
    for names in tasks():
        enqueue(names)
    report(begun)


def now() -> tuple[float, float]:
    """Return the time, and this process's CPU seconds so far."""
    return time.time(), time.process_time()


def report(begun: tuple[float, float]) -> None:
    """Print as JSON when sending began, and the CPU seconds that it took."""
    print(json.dumps({"begun_at": begun[0], "cpu_s": time.process_time() - begun[1]}))
