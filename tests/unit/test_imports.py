"""Packages that the front end must not import: the model's would make it slow and large."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["api.wsgi", "cli.main"])
def test_neither_torch_nor_milvus_comes_with_the_front_end(module: str) -> None:
    heavy = [
        "torch",
        "torchvision",
        "clip",
        "open_clip",
        "pymilvus",
        "numpy",
        "timm",
        "transformers",
    ]
    program = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
