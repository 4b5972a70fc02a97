"""Weights of ViT-B/32's architecture: their values change what is found, not how long it takes."""

from __future__ import annotations

from pathlib import Path

import torch
from clip.model import CLIP

# Constructor arguments of ViT-B/32, as `clip.model.build_model` reads them from its weights.
_VIT_B_32 = (512, 224, 12, 768, 32, 77, 49408, 512, 8, 12)

# The architecture that is measured; the weights are those of a file.
_MODEL = "ViT-B/32"


def weights_in(folder: Path, given: Path | None) -> Path:
    """Return the file that is given, or one of seeded random weights, made in a folder."""
    if given is not None:
        return given.absolute()
    torch.manual_seed(0)
    path = folder / "ViT-B-32-random.pt"
    torch.save(CLIP(*_VIT_B_32).state_dict(), path)
    return path


def settings_for(weights: Path) -> dict[str, str]:
    """Return the variables that choose the model."""
    return {"GLIMPSE_MODEL": _MODEL, "GLIMPSE_CLIP_WEIGHTS": str(weights)}
