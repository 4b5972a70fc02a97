"""Compute: the device and precision that a model runs with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from common.errors import DeviceFull, DeviceLost, EncoderError, InvalidSettings
from common.settings import Settings

_Model = TypeVar("_Model", bound=nn.Module)

# Modules that autocast runs in lower precision, so that their weights can be converted once.
_LOWERED = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)

# Maximum concurrent batches if not set: each needs memory, and the running tasks must fill all.
_CONCURRENCY_MAX = 4

# Concurrent batches on a GPU: one is computed while the next one is prepared.
_CONCURRENCY_CUDA = 2

# Cores that torch uses by default.
_CORES = torch.get_num_threads()

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device, the type of its matrix products, and the number of batches that share it.

    Attributes:
        device: The device.
        dtype: Type of the matrix products.
        concurrency: Number of concurrent batches.
    """

    device: torch.device
    dtype: torch.dtype
    concurrency: int = 1

    @classmethod
    def choose(cls, settings: Settings, *, bulk: bool = False) -> Compute:
        """Return the settings' choice; for "auto", the best one for the hardware.

        Args:
            settings: The worker's settings.
            bulk: Whether to optimise for throughput instead of latency.

        Raises:
            InvalidSettings: torch does not support or find the device.
        """
        device = _choose_device(settings.device)
        concurrency = _concurrency(settings, device) if bulk else 1
        torch.set_num_threads(settings.torch_threads or max(1, _CORES // concurrency))
        if settings.precision == "auto":
            return cls(device, _best_dtype(device), concurrency)
        return cls(device, _DTYPES[settings.precision], concurrency)

    @property
    def precision(self) -> str:
        """The type's name in the settings."""
        return next(name for name, dtype in _DTYPES.items() if dtype is self.dtype)

    @property
    def runs_on(self) -> str:
        """Everything that a model's speed depends on, besides the processors: as in ``Encoder``."""
        kind = self.device.type
        device = torch.cuda.get_device_name(self.device) if kind == "cuda" else kind
        threads = f"{self.concurrency} batches of {torch.get_num_threads()} threads"
        return f"{device} {self.precision}, {threads}, torch {torch.__version__}"

    def place(self, model: _Model) -> _Model:
        """Move a model to the device, with its large weights in the chosen type.

        Otherwise, autocast would convert them for every batch, which takes longer than
        encoding a short text. Norms and embeddings stay float32.
        """
        model.eval().requires_grad_(False).to(self.device)
        for module in model.modules():
            if isinstance(module, _LOWERED):
                module.to(self.dtype)
        return model

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Run a model without gradients, in the chosen precision, and translate errors.

        Autocast lowers the precision only where that is safe; norms and sums keep theirs.

        Raises:
            DeviceFull: The device has too little free memory.
            DeviceLost: The device failed, and is lost to this process.
            EncoderError: The model failed on this input.
        """
        lowered = self.dtype is not torch.float32
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self.device.type, self.dtype, enabled=lowered),
            ):
                yield
        except torch.OutOfMemoryError as error:
            # The sentences that follow are about torch's allocator.
            reason = ". ".join(str(error).split(". ")[:2])
            raise DeviceFull(f"{self.device} has too little free memory: {reason}.") from None
        except torch.AcceleratorError as error:
            raise DeviceLost(f"{self.device} failed: {error}") from error
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise EncoderError(f"The model failed: {error}") from error


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        # Torch lists the twenty kinds that it knows.
        raise InvalidSettings(
            f"GLIMPSE_DEVICE={name} is no device; set it to auto, cpu, cuda, or cuda:1 for the"
            " second GPU."
        ) from error
    try:
        # Only creating a tensor proves that the device is present.
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InvalidSettings(f"GLIMPSE_DEVICE={name} cannot be used: {error}") from error
    return device


def _concurrency(settings: Settings, device: torch.device) -> int:
    """Return the number of concurrent batches.

    CPU cores do more if each has its own batch than if all share one and wait for each other
    after every product. While a GPU computes one batch, the next one is stacked and copied.
    """
    if settings.model_threads:
        return settings.model_threads
    if device.type != "cpu":
        return _CONCURRENCY_CUDA if device.type == "cuda" else 1
    return max(1, min(_CONCURRENCY_MAX, _CORES // (settings.torch_threads or 1)))


def _best_dtype(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        # OpenAI trained CLIP in fp16, whose mantissa is longer than that of bf16.
        return torch.float16
    return torch.bfloat16 if device.type == "cpu" and _cpu_multiplies_bf16() else torch.float32


def _cpu_multiplies_bf16() -> bool:
    """Return whether the CPU has AVX512_BF16 or AMX; others emulate bf16, which is slow."""
    # In torch, these two functions are private.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
