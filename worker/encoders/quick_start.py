"""Starts without torch: what a start with OpenVINO found is kept, and the next one reads only that.

Importing torch, building a model and loading its weights is more than half of a worker's start, and
of its memory. OpenVINO needs none of it once it has its own form of the model.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from common.settings import Settings
from worker.encoders.backends.converted import FORM, is_whole, read, text_lengths
from worker.encoders.backends.openvino import OpenVinoBackend, Plan
from worker.encoders.clip_inputs import clip_facts
from worker.encoders.file_digests import PARAMETERS, FileDigests
from worker.encoders.two_tower import TwoTowerEncoder
from worker.encoders.weights import Weights
from worker.measurement import Measurement

log = logging.getLogger(__name__)

# Raised when a start must find everything again.
_VERSION = 1

# Settings, variables and packages that decide what runs a model, and how.
_SETTINGS = ("device", "precision", "backend", "compile", "model_threads", "torch_threads")
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_PACKAGES = ("openvino", "torch")

# Devices that torch may run on, if it finds them: NVIDIA's, AMD's, and Windows' under Linux.
_ACCELERATORS = ("nvidia*", "kfd", "dxg")


class QuickStart:
    """The start of a worker with one of OpenAI's models.

    Args:
        name: The model, as in the settings.
        weights: Its weights.
        settings: The worker's settings.
        bulk: As in ``worker.encoders.registry.load_encoder``.
    """

    def __init__(self, name: str, weights: Weights, settings: Settings, *, bulk: bool) -> None:
        self._name = name
        self._weights = weights
        self._cache_dir = settings.cache_dir.expanduser()
        self._digests = FileDigests(self._cache_dir)
        self._facts = [
            *(_VERSION, FORM, name, bulk, *(str(getattr(settings, one)) for one in _SETTINGS)),
            *(os.environ.get(one) for one in _VARIABLES),
            *(_version(one) for one in _PACKAGES),
            *(str(path) for one in _ACCELERATORS for path in sorted(Path("/dev").glob(one))),
        ]

    def encoder(self) -> TwoTowerEncoder | None:
        """Return the encoder of an earlier start; None if there is none, or its files changed."""
        revision = self._revision()
        found = self._kept(revision).recall() if revision else None
        if revision is None or found is None:
            return None
        try:
            return self._opened(revision, found)
        except (OSError, KeyError, TypeError, ValueError) as error:
            log.warning("encoder.no_quick_start reason=%r", error)
            return None

    def keep(self, encoder: TwoTowerEncoder) -> None:
        """Keep what this start found for the next one, if OpenVINO runs the model."""
        revision, backend, model = self._revision(), encoder.backend, encoder.model
        if revision and isinstance(backend, OpenVinoBackend) and backend.folder:
            known = {
                "dim": model.dim,
                "side": model.image_size[0],
                "context_length": model.context_length,
            }
            plan, folder = asdict(backend.plan), str(backend.folder)
            self._kept(revision).remember({"folder": folder, "plan": plan, "model": known})

    def _kept(self, revision: str) -> Measurement:
        """Return where this start is kept."""
        return Measurement.of(self._cache_dir, "starts", revision, *self._facts)

    def _revision(self) -> str | None:
        """Return the model's revision; None while its weights' digest is not known."""
        return self._digests.known(self._weights.path, PARAMETERS)

    def _opened(self, revision: str, found: Mapping[str, Any]) -> TwoTowerEncoder | None:
        """Open what was kept.

        Raises:
            OSError, KeyError, TypeError, ValueError: It is not what this version keeps.
        """
        folder = Path(found["folder"])
        if not is_whole(folder, self._digests):
            return None
        from worker.encoders.backends.quiet_openvino import openvino

        core = openvino.Core()
        former = self._weights.former_revision
        model = clip_facts(self._name, revision, former, **found["model"])
        plan = Plan(**found["plan"])
        log.info("encoder.backend backend=openvino reason='an earlier start'")
        backend = OpenVinoBackend(core, read(core, folder), plan, text_lengths(model))
        return TwoTowerEncoder(model, backend)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
