"""CLIP models with seeded random weights, in every published file format.

OpenAI's own weights cannot be downloaded everywhere. Glimpse's handling of them (loading,
cropping, batching, reduced precision) does not depend on their values.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from common.settings import Settings
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.clip.loading import load_clip
from worker.encoders.clip.package.model import CLIP
from worker.encoders.compute import Compute
from worker.encoders.two_tower import TwoTowerEncoder

# Constructor arguments of ViT-B/32, as `clip.model.build_model` derives them from its weights.
VIT_B_32 = (512, 224, 12, 768, 32, 77, 49408, 512, 8, 12)

# The same input and parts, narrower and with fewer layers: for comparisons of many pictures.
NARROW_B_32 = (128, 224, 4, 192, 32, 77, 49408, 192, 3, 4)

# The same architecture, small enough for every test: 64 pixels in patches of 16.
SMALL = (32, 64, 2, 64, 16, 77, 49408, 64, 1, 2)

# The same with one layer per tower, for quick benchmarks: compiling a layer takes seconds.
TINY = (32, 64, 1, 64, 16, 77, 49408, 64, 1, 1)

# A small model of the other family (RN50 etc.), with blocks per stage instead of layers.
SMALL_RESNET = (32, 64, (1, 1, 1, 1), 16, None, 77, 49408, 64, 1, 2)


class _Published(torch.nn.Module):
    """CLIP with the extra buffers of OpenAI's archives."""

    def __init__(self, model: CLIP, resolution: int) -> None:
        super().__init__()
        for name, part in model.named_children():
            self.add_module(name, part)
        for name, parameter in list(model.named_parameters(recurse=False)):
            self.register_parameter(name, parameter)
        self.register_buffer("input_resolution", torch.tensor(resolution))
        self.register_buffer("context_length", torch.tensor(model.context_length))
        self.register_buffer("vocab_size", torch.tensor(model.vocab_size))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.visual(image)


def random_clip(architecture: tuple[Any, ...]) -> CLIP:
    """Return a model with the same weights in every run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIP(*architecture).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("bn3.weight"):
            # Residual blocks are initialised as disabled (zero scale); enable them.
            parameter.fill_(1)
        if parameter.dim() == 4:
            # torch's default convolution weights are so small that after a few layers all pictures
            # have the same features.
            parameter.mul_(6**0.5)
    return model


def save_state_dict(model: CLIP, path: Path) -> Path:
    torch.save(model.state_dict(), path)
    return path


def save_for_hub(model: CLIP, path: Path) -> Path:
    """Save as the hub has it: safetensors of the same names, in float32."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def save_archive(model: CLIP, path: Path) -> Path:
    """Save as OpenAI did: a traced TorchScript archive."""
    resolution = model.visual.input_resolution
    with warnings.catch_warnings():
        # Tracing is deprecated and warns about every branch, but OpenAI's files were traced.
        warnings.simplefilter("ignore")
        picture = torch.zeros(1, 3, resolution, resolution)
        published = _Published(model, resolution)
        torch.jit.save(torch.jit.trace(published, picture, check_trace=False), path)
    return path


def encoder_of(path: Path, settings: Settings, name: str = "small") -> TwoTowerEncoder:
    """Return the encoder of a file of weights, run by torch."""
    towers = load_clip(name, path)
    return TwoTowerEncoder(towers, TorchBackend(towers, Compute.choose(settings)))
