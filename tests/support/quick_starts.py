"""Starts of an encoder with OpenVINO, also in a process of its own that shows what they import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from common.settings import Settings
from worker.encoders import registry

# Packages that take seconds to import.
_LARGE = {"torch", "open_clip", "timm", "transformers"}

_TEXTS = ("a dog",)

_PROGRAM = """
import json, sys
from tests.support import quick_starts
from worker.encoders.registry import choose_model, load_encoder

settings = quick_starts.settings(json.loads(sys.argv[1]))
choose_model(settings)
texts = load_encoder(settings, bulk=True).encode_texts(json.loads(sys.argv[2])).tolist()
print(json.dumps({"texts": texts, "imported": sorted(sys.modules)}))
"""


@dataclass(frozen=True, slots=True)
class Started:
    """What a start in another process did.

    Attributes:
        texts: The vectors of the texts.
        imported: The large packages that it imported.
    """

    texts: np.ndarray
    imported: set[str]


def settings(given: Mapping[str, Any]) -> Settings:
    """Return a worker's settings with a test's changes."""
    fixed = {"device": "cpu", "precision": "fp32", "backend": "openvino", "torch_threads": 1}
    return Settings(**{**fixed, **given})


def noted(monkeypatch: pytest.MonkeyPatch, function: str) -> list[str]:
    """Return the models that a function of the registry loads from now on, by their names."""
    names: list[str] = []
    original = getattr(registry, function)

    def load(name: str, *given: Any) -> Any:
        names.append(name)
        return original(name, *given)

    monkeypatch.setattr(registry, function, load)
    return names


def in_own_process(given: Mapping[str, Any], texts: tuple[str, ...] = _TEXTS) -> Started:
    """Choose the model, load it and embed texts."""
    program = [sys.executable, "-c", _PROGRAM, json.dumps(dict(given)), json.dumps(texts)]
    run = subprocess.run(program, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    return Started(np.array(found["texts"], np.float32), _LARGE & set(found["imported"]))
