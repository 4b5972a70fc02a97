"""Where a model computes, and in which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from common.errors import EncoderError, InvalidSettings
from common.settings import Settings

_Model = TypeVar("_Model", bound=nn.Module)

# Modules whose products autocast lowers, so that their weights may be lowered once.
_LOWERED = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)

# Batches in the model at once, at most, where the settings leave it open: each takes its memory,
# and the tasks in hand must fill them all.
_CONCURRENCY_MAX = 4

# Cores that torch takes where nothing is set.
_CORES = torch.get_num_threads()

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device, the type its matrix products are computed in, and how many batches share it.

    Attributes:
        device: Where it computes.
        dtype: Type of the matrix products.
        concurrency: Batches to have in the model at once.
    """

    device: torch.device
    dtype: torch.dtype
    concurrency: int = 1

    @classmethod
    def choose(cls, settings: Settings, *, bulk: bool = False) -> Compute:
        """Take what the settings name; for "auto", what the hardware does best.

        Args:
            settings: How the worker is configured.
            bulk: Whether many pictures a second count for more than one that is soon done.

        Raises:
            InvalidSettings: torch knows or sees no such device.
        """
        device = _choose_device(settings.device)
        concurrency = _concurrency(settings, device) if bulk else 1
        torch.set_num_threads(settings.torch_threads or max(1, _CORES // concurrency))
        if settings.precision == "auto":
            return cls(device, _best_dtype(device), concurrency)
        return cls(device, _DTYPES[settings.precision], concurrency)

    def place(self, model: _Model) -> _Model:
        """Bring a model onto the device, its large weights in the chosen type.

        Autocast would convert them anew for every batch, which costs more than
        a short text itself. Norms and embeddings stay float32.
        """
        model.eval().requires_grad_(False).to(self.device)
        for module in model.modules():
            if isinstance(module, _LOWERED):
                module.to(self.dtype)
        return model

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Run a model: no gradients, the chosen precision, one kind of error.

        Autocast lowers what may be lowered; norms and sums keep their precision.

        Raises:
            EncoderError: The model failed on this input.
        """
        lowered = self.dtype is not torch.float32
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self.device.type, self.dtype, enabled=lowered),
            ):
                yield
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise EncoderError(f"The model failed: {error}") from error


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        # Making a tensor there is the one sure sign that the device is present.
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InvalidSettings(f"GLIMPSE_DEVICE={name} cannot be used: {error}") from error
    return device


def _concurrency(settings: Settings, device: torch.device) -> int:
    """Return how many batches to have in the model at once.

    A processor's cores do more where each has a batch of its own than where all share one and
    wait for each other at the end of every product; a GPU takes one batch after the other.
    """
    if settings.model_threads:
        return settings.model_threads
    if device.type != "cpu":
        return 1
    return max(1, min(_CONCURRENCY_MAX, _CORES // (settings.torch_threads or 1)))


def _best_dtype(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        # OpenAI trained CLIP in fp16; its mantissa is longer than that of bf16.
        return torch.float16
    return torch.bfloat16 if device.type == "cpu" and _cpu_multiplies_bf16() else torch.float32


def _cpu_multiplies_bf16() -> bool:
    """Tell whether the processor has AVX512_BF16 or AMX; others emulate bf16, and slowly."""
    # torch offers these two under private names only.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
