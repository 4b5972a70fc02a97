"""Prefixes of model names, which say what package loads a model."""

from __future__ import annotations

# Models of the ``open_clip`` package.
OPEN_CLIP = "open_clip:"
