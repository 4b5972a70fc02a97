"""Pictures of a folder in batches, read by several threads ahead of the model."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

Loaded = TypeVar("Loaded")

# Batches that are read while the model has one.
_AHEAD = 2


def jpegs(folder: Path) -> list[Path]:
    """Return every JPEG one level below a folder, sorted."""
    return sorted(path for path in folder.glob("*/*") if path.suffix in (".jpg", ".jpeg"))


def batches(
    folder: Path, load: Callable[[Path], Loaded], size: int
) -> Iterator[tuple[list[str], list[Loaded]]]:
    """Yield the paths of each batch and what ``load`` made of them."""
    paths = iter(jpegs(folder))
    waiting: deque[tuple[list[str], list[Future[Loaded]]]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        while True:
            while len(waiting) <= _AHEAD and (batch := list(islice(paths, size))):
                waiting.append(([str(p) for p in batch], [threads.submit(load, p) for p in batch]))
            if not waiting:
                return
            names, loaded = waiting.popleft()
            yield names, [one.result() for one in loaded]
