"""Runs one task on the code of a tree, and prints JSON with the files that it ran.

    PYTHONPATH=TREE python -P child.py import api.wsgi

Of the benchmarks, it imports nothing but the tree's own worker with a free model.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The packages of a tree, and its worker with a free model.
_MODULES = ("api", "cli", "common", "glimpse_client", "worker", "benchmarks.free_worker")
# Pixels of a picture that may be decoded.
_PIXELS_MAX = 100_000_000
# Times that each picture is decoded.
_TIMES = 3


def identify(*names: str) -> dict[str, Any]:
    """Import modules for the first time; return the names of the settings, and where each is."""
    from common.settings import Settings

    files = [*import_(*_MODULES)["files"], *import_(*names)["files"]]
    return {"files": files, "settings": [*Settings.model_fields]}


def import_(*names: str) -> dict[str, Any]:
    """Return the CPU milliseconds of importing modules, or each ``module:attribute``."""
    files, begun = [], time.process_time()
    for name in names:
        module_name, _, attribute = name.partition(":")
        module = importlib.import_module(module_name)
        if attribute:
            getattr(module, attribute)
        files.append(module.__file__)
    return {"cpu_ms": 1000 * (time.process_time() - begun), "files": files}


def decode(folder: str) -> dict[str, Any]:
    """Return the CPU milliseconds per picture of decoding and preprocessing a folder's."""
    from benchmarks import free_worker
    from worker.decoding import decode as decoding

    pictures = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jpg"))]
    encoder = free_worker.FreeEncoder()

    def run(data: bytes) -> None:
        encoder.preprocess(decoding.decode(data, _PIXELS_MAX, encoder.draft_side).image)

    run(pictures[0])
    begun = time.process_time()
    for data in _TIMES * pictures:
        run(data)
    spent_ms = 1000 * (time.process_time() - begun)
    files = [decoding.__file__, free_worker.__file__]
    return {"cpu_ms": spent_ms / (_TIMES * len(pictures)), "files": files}


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    tasks: dict[str, Callable[..., dict[str, Any]]] = {
        "identify": identify,
        "import": import_,
        "decode": decode,
    }
    print(json.dumps(tasks[task](*arguments)))
