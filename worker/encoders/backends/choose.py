"""Chooses what runs a model: the settings' backend, or the one that is faster here."""

from __future__ import annotations

import logging
from dataclasses import asdict
from importlib.util import find_spec

import torch

from common.errors import EncoderError, InvalidSettings, SetupError
from common.settings import Settings
from worker.encoders.backends.base import Backend
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.backends.trial import Trial, recall, seconds_of, trial_of
from worker.encoders.compute import Compute
from worker.encoders.towers import Towers
from worker.measurement import Measurement

log = logging.getLogger(__name__)

# OpenVINO has to be faster than torch by this factor: it needs a conversion, torch does not.
_GAIN_MIN = 1.05


def choose_backend(towers: Towers, compute: Compute, settings: Settings, *, bulk: bool) -> Backend:
    """Return the backend of the settings; for "auto", the one that a trial finds faster.

    The trial runs at a worker's first start with a model on a machine, and its result is kept in
    the cache. Search and ingest workers may choose differently, since one needs a text soon and
    the other many pictures.

    Args:
        towers: The loaded model; the backend may change its modules.
        compute: The device and precision.
        settings: The worker's settings.
        bulk: Whether the worker embeds many pictures, instead of single texts.

    Raises:
        InvalidSettings: OpenVINO supports neither the device nor the precision.
        SetupError: OpenVINO is not installed or cannot run this model.
    """
    if settings.backend == "openvino":
        return _openvino(towers, compute, settings)
    if settings.backend == "torch":
        return TorchBackend(towers, compute, compiled=settings.compile)
    if reason := _unsupported(compute):
        log.info("encoder.backend backend=torch reason=%r", reason)
        return TorchBackend(towers, compute, compiled=settings.compile)
    return _faster(towers, compute, settings, bulk)


def _openvino(towers: Towers, compute: Compute, settings: Settings) -> Backend:
    if compute.device.type != "cpu":
        raise InvalidSettings(
            f"GLIMPSE_BACKEND=openvino runs on CPUs only, and the device is {compute.device}; "
            "set GLIMPSE_DEVICE=cpu or GLIMPSE_BACKEND=torch."
        )
    if compute.dtype is torch.float16:
        raise InvalidSettings(
            "GLIMPSE_BACKEND=openvino does not support GLIMPSE_PRECISION=fp16 on CPUs; "
            "set it to auto, fp32 or bf16."
        )
    try:
        from worker.encoders.backends.conversion import converted_backend
    except ImportError as error:
        raise SetupError(
            "GLIMPSE_BACKEND=openvino needs a package: pip install 'glimpse[worker,openvino]'. "
            f"({error})"
        ) from error
    return converted_backend(towers, compute, settings.cache_dir.expanduser())


def _unsupported(compute: Compute) -> str:
    """Return why only torch can run; empty if OpenVINO can, too."""
    if compute.device.type != "cpu":
        return f"the device is {compute.device}"
    if compute.dtype is torch.float16:
        return "the precision is fp16"
    return "" if find_spec("openvino") else "OpenVINO is not installed"


def _faster(towers: Towers, compute: Compute, settings: Settings, bulk: bool) -> Backend:
    cache_dir = settings.cache_dir.expanduser()
    measurement = trial_of(towers, compute, cache_dir, bulk=bulk, compiled=settings.compile)
    trial = recall(measurement)
    if trial is None:
        with measurement.alone():
            # Another process may have measured meanwhile.
            trial = recall(measurement)
            if trial is None:
                return _tried(measurement, towers, compute, settings, bulk)
    log.info("encoder.backend backend=%s reason='an earlier trial'", trial.backend)
    return _of_trial(trial, towers, compute, settings)


def _of_trial(trial: Trial, towers: Towers, compute: Compute, settings: Settings) -> Backend:
    found = _openvino_if_usable(towers, compute, settings) if trial.backend == "openvino" else None
    return found or TorchBackend(towers, compute, compiled=settings.compile)


def _tried(
    measurement: Measurement, towers: Towers, compute: Compute, settings: Settings, bulk: bool
) -> Backend:
    """Run the trial and return the backend that won."""
    # OpenVINO first: torch lowers the precision of the modules that it converts.
    found = _openvino_if_usable(towers, compute, settings)
    ours = TorchBackend(towers, compute, compiled=settings.compile)
    if found is None:
        measurement.remember(asdict(Trial(ours.name, {})))
        return ours
    try:
        seconds = seconds_of({found.name: found, ours.name: ours}, towers, bulk=bulk)
    except EncoderError as error:
        log.warning("encoder.trial_failed %s", error)
        return ours
    faster = found if seconds[found.name] * _GAIN_MIN < seconds[ours.name] else ours
    measurement.remember(asdict(Trial(faster.name, seconds)))
    log.info(
        "encoder.backend backend=%s reason='a trial' openvino_ms=%.2f torch_ms=%.2f of=%s",
        *(faster.name, seconds[found.name] * 1000, seconds[ours.name] * 1000),
        "picture" if bulk else "text",
    )
    return faster


def _openvino_if_usable(towers: Towers, compute: Compute, settings: Settings) -> Backend | None:
    try:
        return _openvino(towers, compute, settings)
    except SetupError as error:
        log.warning("encoder.backend_unusable %s", error)
        return None
