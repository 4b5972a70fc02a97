"""Chooses and loads encoders by the name in ``GLIMPSE_MODEL``."""

from __future__ import annotations

import difflib
import logging
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from common.errors import InvalidSettings, SetupError, WeightsUnavailable
from common.settings import Settings
from worker.encoders.base import Encoder
from worker.encoders.clip.weights import OFFICIAL_FILES, Weights, find_weights
from worker.encoders.families import OPEN_CLIP
from worker.encoders.progress import drawn

if TYPE_CHECKING:
    from worker.encoders.compute import Compute
    from worker.encoders.quick_start import QuickStart
    from worker.encoders.towers import Towers
    from worker.encoders.two_tower import TwoTowerEncoder

log = logging.getLogger(__name__)

AUTO = "auto"

# The model for "auto" if its weights are available or can be downloaded.
_PREFERRED = "ViT-B/32"

# Devices that need no check before a model is loaded: there is always a CPU.
_WITHOUT_TORCH = ("auto", "cpu")

_STARTER = "starter"
_HASHING = "hashing"

MODELS = (*OFFICIAL_FILES, _STARTER, _HASHING)


def choose_model(settings: Settings) -> str:
    """Return the name of the model to run, resolving "auto".

    "auto" is ViT-B/32 if its weights are found or can be downloaded; otherwise it is
    the starter model.

    Raises:
        InvalidSettings: The model does not exist.
        WeightsUnavailable: The settings name a file of weights that cannot be read.
    """
    if settings.model != AUTO:
        return settings.model if _has_started(settings) else _known(settings.model)
    try:
        find_weights(_PREFERRED, settings)
    except WeightsUnavailable as error:
        if settings.clip_weights is not None:
            # Whoever names a file wants no other model.
            raise
        log.debug("encoder.no_weights %s", error)
        log.warning(
            "encoder.fallback Using the starter model, which is not CLIP: the weights of %s were "
            "not found; `glimpse fetch-model` shows why.",
            _PREFERRED,
        )
        return _STARTER
    return _PREFERRED


def fetch_model(settings: Settings) -> str:
    """Download the weights of the settings' model, and return where they are.

    Raises:
        InvalidSettings: The model does not exist.
        WeightsUnavailable: Its weights were not found in any location.
    """
    name = _PREFERRED if settings.model == AUTO else _known(settings.model)
    if name.startswith(OPEN_CLIP):
        _open_clip("loading").fetch_open_clip(name)
        return "in the cache of the Hugging Face Hub"
    if name not in OFFICIAL_FILES:
        return f"{name} needs no download"
    with drawn(name) as progress:
        return str(find_weights(name, settings, progress).path)


def load_encoder(settings: Settings, *, bulk: bool = False) -> Encoder:
    """Load the settings' encoder with its weights.

    Args:
        settings: The worker's settings.
        bulk: Whether to optimise for throughput instead of latency.

    Raises:
        InvalidSettings: The model does not exist, or is "auto", which workers might
            resolve to different models.
        WeightsUnavailable: The model's weights were not found in any location.
        SetupError: A package that the model needs is not installed.
    """
    if settings.model == AUTO:
        raise InvalidSettings(
            "Workers do not support GLIMPSE_MODEL=auto, since each might choose another model; "
            f"set a model, for example {_PREFERRED} or {_STARTER}."
        )
    if settings.model.startswith(OPEN_CLIP):
        return _load_open_clip(settings.model, settings, bulk)
    name = _known(settings.model)
    if name == _HASHING:
        return _load_hashing()
    return _load_starter(settings, bulk) if name == _STARTER else _load_clip(name, settings, bulk)


def _known(name: str) -> str:
    if name.startswith(OPEN_CLIP):
        _open_clip("names").Source.of(name)
        return name
    if name in MODELS:
        return name
    close = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise InvalidSettings(
        f"GLIMPSE_MODEL={name} is not a model.{hint} docs/models.md lists all models; those of"
        f" open_clip are written {OPEN_CLIP}NAME."
    )


def _has_started(settings: Settings) -> bool:
    """Return whether a worker has started with a model of open_clip.

    Then its package need not be imported, which takes seconds, only to look for the name.
    """
    return settings.model.startswith(OPEN_CLIP) and any(
        _open_clip_start(settings.model, settings, bulk).is_kept() for bulk in (True, False)
    )


def _load_hashing() -> Encoder:
    from worker.encoders.hashing import HashingEncoder

    return HashingEncoder()


def _load_starter(settings: Settings, bulk: bool) -> Encoder:
    try:
        from worker.encoders.compute import Compute
        from worker.encoders.starter.encoder import StarterEncoder
    except ModuleNotFoundError as error:
        raise SetupError(
            f"The starter model needs {error.name}: pip install 'glimpse[worker,starter]'."
        ) from error
    compute = Compute.choose(settings, bulk=bulk)
    return StarterEncoder(compute, settings.cache_dir.expanduser())


def _load_clip(name: str, settings: Settings, bulk: bool) -> Encoder:
    if settings.device not in _WITHOUT_TORCH:
        from worker.encoders.compute import Compute

        # The device first, so that an unusable one fails before the download.
        Compute.choose(settings, bulk=bulk)
    weights = find_weights(name, settings)
    from worker.encoders.clip.facts import describe, restore
    from worker.encoders.quick_start import QuickStart

    start = QuickStart(
        name, settings, restore, bulk=bulk, given=[str(weights.path), weights.former_revision]
    )
    encoder = start.encoder()
    if encoder is None:
        start.note_files([weights.path])
        encoder = _load_with_torch(name, weights, settings, bulk)
        start.keep(encoder, describe(encoder.model))
    return encoder


def _load_with_torch(
    name: str, weights: Weights, settings: Settings, bulk: bool
) -> TwoTowerEncoder:
    # Only now, since these imports take longer than to find that there are no weights.
    from worker.encoders.clip.loading import load_clip
    from worker.encoders.compute import Compute
    from worker.encoders.file_digests import FileDigests

    compute = Compute.choose(settings, bulk=bulk)
    digests = FileDigests(settings.cache_dir.expanduser())
    towers = load_clip(name, weights.path, weights.former_revision, digests)
    return _on_backend(towers, compute, settings, bulk)


def _load_open_clip(name: str, settings: Settings, bulk: bool) -> Encoder:
    start = _open_clip_start(name, settings, bulk)
    encoder = start.encoder()
    if encoder is None:
        encoder = _load_open_clip_with_torch(name, settings, bulk, start)
        known = _open_clip("facts").describe(encoder.model, settings.cache_dir.expanduser())
        start.keep(encoder, known)
    return encoder


def _load_open_clip_with_torch(
    name: str, settings: Settings, bulk: bool, start: QuickStart
) -> TwoTowerEncoder:
    package = _open_clip("loading")
    from worker.encoders.compute import Compute

    compute = Compute.choose(settings, bulk=bulk)
    return _on_backend(package.load_open_clip(name, start.note_files), compute, settings, bulk)


def _on_backend(
    towers: Towers, compute: Compute, settings: Settings, bulk: bool
) -> TwoTowerEncoder:
    from worker.encoders.backends.choose import choose_backend
    from worker.encoders.two_tower import TwoTowerEncoder

    return TwoTowerEncoder(towers, choose_backend(towers, compute, settings, bulk=bulk))


def _open_clip_start(name: str, settings: Settings, bulk: bool) -> QuickStart:
    restore = _open_clip("facts").restore
    from worker.encoders.file_digests import FileDigests
    from worker.encoders.quick_start import QuickStart

    digests = FileDigests(settings.cache_dir.expanduser())
    return QuickStart(name, settings, partial(restore, digests=digests), bulk=bulk)


def _open_clip(module: str) -> ModuleType:
    """Import a module that needs the packages of open_clip's extra."""
    try:
        return import_module(f"worker.encoders.open_clip.{module}")
    except ModuleNotFoundError as error:
        raise SetupError(
            f"Models of open_clip need {error.name}: pip install 'glimpse[worker,openclip]'."
        ) from error
