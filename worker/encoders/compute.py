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

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device and the type its matrix products are computed in."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def choose(cls, settings: Settings) -> Compute:
        """Take what the settings name; for "auto", what the hardware does best.

        Raises:
            InvalidSettings: torch knows or sees no such device.
        """
        device = _choose_device(settings.device)
        if settings.torch_threads:
            torch.set_num_threads(settings.torch_threads)
        if settings.precision == "auto":
            return cls(device, _best_dtype(device))
        return cls(device, _DTYPES[settings.precision])

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
