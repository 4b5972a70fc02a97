"""The architectures of OpenAI's CLIP models, and whether weights are of the right one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.overrides import TorchFunctionMode

from common.errors import WeightsUnavailable
from worker.encoders.clip.package.model import CLIP

# Text side of all models: tokens of a text, and number of different tokens.
_TEXT = (77, 49408)

# Constructor arguments of `clip.model.CLIP`: dimension, resolution, layers, width and patch of the
# image tower, then context, vocabulary, width, heads and layers of the text tower.
ARCHITECTURES: dict[str, tuple[Any, ...]] = {
    "RN50": (1024, 224, (3, 4, 6, 3), 64, None, *_TEXT, 512, 8, 12),
    "RN101": (512, 224, (3, 4, 23, 3), 64, None, *_TEXT, 512, 8, 12),
    "RN50x4": (640, 288, (4, 6, 10, 6), 80, None, *_TEXT, 640, 10, 12),
    "RN50x16": (768, 384, (6, 8, 18, 8), 96, None, *_TEXT, 768, 12, 12),
    "RN50x64": (1024, 448, (3, 15, 36, 10), 128, None, *_TEXT, 1024, 16, 12),
    "ViT-B/32": (512, 224, 12, 768, 32, *_TEXT, 512, 8, 12),
    "ViT-B/16": (512, 224, 12, 768, 16, *_TEXT, 512, 8, 12),
    "ViT-L/14": (768, 224, 24, 1024, 14, *_TEXT, 768, 12, 12),
    "ViT-L/14@336px": (768, 336, 24, 1024, 14, *_TEXT, 768, 12, 12),
}

# Numbers in OpenAI's archives that are no tensors of the model.
_EXTRAS = frozenset({"input_resolution", "context_length", "vocab_size"})

# End of the names of counters that only training needs; torch does not require them.
_OPTIONAL = "num_batches_tracked"

# Types of the published weights.
_FLOATS = (torch.float16, torch.bfloat16, torch.float32)


# What the constructor of a model calls to give its tensors their values, and not their shapes.
_VALUES = frozenset({"div", "mul", "normal_", "triu_", "uniform_"})


class _NoValues(TorchFunctionMode):
    """Leaves tensors without memory as they are, where torch would import its compiler first.

    That takes longer than the rest of a worker's start.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if function.__name__ in _VALUES:
            return args[0] if args else named["tensor"]
        return (torch.empty if function is torch.randn else function)(*args, **named)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Let a model be constructed without memory for its tensors' values."""
    with torch.device("meta"), _NoValues():
        yield


def layout(name: str) -> dict[str, torch.Tensor]:
    """Return a model's tensors by name, without memory for their values."""
    with shapes_only():
        tensors: dict[str, torch.Tensor] = CLIP(*ARCHITECTURES[name]).state_dict()
    return tensors


def require_architecture(name: str, tensors: Mapping[str, torch.Tensor], source: Path) -> None:
    """Check that weights are complete and of the architecture that a name means.

    Args:
        name: One of ``ARCHITECTURES``.
        tensors: The weights.
        source: Their file, for the message.

    Raises:
        WeightsUnavailable: A tensor is missing, unknown, or of another shape or type.
    """
    difference = _difference(layout(name), tensors)
    if not difference:
        return
    others = (other for other in ARCHITECTURES if not _difference(layout(other), tensors))
    actual = next(others, None)
    hint = f"it contains {actual}; set GLIMPSE_MODEL={actual}" if actual else difference
    raise WeightsUnavailable(f"{source} does not contain {name} weights: {hint}")


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a file in the format of ``safetensors``, which cannot contain code.

    Raises:
        WeightsUnavailable: The file is in another format, or incomplete.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsUnavailable(f"{path} does not contain CLIP weights: {error}") from error


def _difference(expected: Mapping[str, torch.Tensor], actual: Mapping[str, torch.Tensor]) -> str:
    """Return the first difference in words, or an empty string."""
    for name, tensor in expected.items():
        if name not in actual:
            if name.endswith(_OPTIONAL):
                continue
            return f"{name} is missing"
        shape = list(actual[name].shape)
        if shape != list(tensor.shape):
            return f"{name} has the shape {shape} instead of {list(tensor.shape)}"
        if tensor.is_floating_point() and actual[name].dtype not in _FLOATS:
            return f"{name} has the type {actual[name].dtype}"
    unknown = sorted(actual.keys() - expected.keys() - _EXTRAS)
    return f"{unknown[0]} is not part of the model" if unknown else ""
