"""Encoders by name, as ``GLIMPSE_MODEL`` gives it."""

from __future__ import annotations

import difflib
import logging

from common.errors import InvalidSettings, SetupError, WeightsUnavailable
from common.settings import Settings
from worker.encoders.base import Encoder
from worker.encoders.weights import OFFICIAL_FILES, find_weights

log = logging.getLogger(__name__)

AUTO = "auto"

# What "auto" stands for where its weights are at hand or can be fetched.
_PREFERRED = "ViT-B/32"

_STARTER = "starter"
_HASHING = "hashing"

MODELS = (*OFFICIAL_FILES, _STARTER, _HASHING)


def choose_model(settings: Settings) -> str:
    """Return the name of the model to run; resolve "auto".

    "auto" is ViT-B/32 if its weights are found, and fetches them if they can be;
    else it is the starter model.

    Raises:
        InvalidSettings: There is no such model.
    """
    if settings.model != AUTO:
        return _known(settings.model)
    try:
        find_weights(_PREFERRED, settings)
    except WeightsUnavailable as error:
        log.warning("encoder.fallback The starter model is taken, which is not CLIP. %s", error)
        return _STARTER
    return _PREFERRED


def load_encoder(settings: Settings, *, bulk: bool = False) -> Encoder:
    """Load the encoder that the settings name, its weights included.

    Args:
        settings: How the worker is configured.
        bulk: Whether many pictures a second count for more than one that is soon done.

    Raises:
        InvalidSettings: There is no such model, or it is "auto": each worker might
            resolve that to another model than its fellows.
        WeightsUnavailable: The model's weights are nowhere to be had.
        SetupError: A package that the model needs is not installed.
    """
    if settings.model == AUTO:
        raise InvalidSettings(
            "A worker takes no GLIMPSE_MODEL=auto, since each might choose another model; "
            f"name one, for example {_PREFERRED} or {_STARTER}."
        )
    name = _known(settings.model)
    if name == _HASHING:
        return _load_hashing()
    return _load_starter(settings, bulk) if name == _STARTER else _load_clip(name, settings, bulk)


def _known(name: str) -> str:
    if name in MODELS:
        return name
    close = difflib.get_close_matches(name, MODELS, n=1, cutoff=0.4)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise InvalidSettings(f"GLIMPSE_MODEL={name} is none of {', '.join(MODELS)}.{hint}")


def _load_hashing() -> Encoder:
    from worker.encoders.hashing import HashingEncoder

    return HashingEncoder()


def _load_starter(settings: Settings, bulk: bool) -> Encoder:
    try:
        from worker.encoders.compute import Compute
        from worker.encoders.starter import StarterEncoder
    except ModuleNotFoundError as error:
        raise SetupError(
            f"The starter model needs {error.name}: pip install 'glimpse[worker,starter]'."
        ) from error
    compute = Compute.choose(settings, bulk=bulk)
    return StarterEncoder(compute, settings.cache_dir.expanduser())


def _load_clip(name: str, settings: Settings, bulk: bool) -> Encoder:
    from worker.encoders.clip_openai import ClipEncoder
    from worker.encoders.compute import Compute

    # The device first: its refusal should not have to wait for a download.
    compute = Compute.choose(settings, bulk=bulk)
    return ClipEncoder(name, find_weights(name, settings), compute)
