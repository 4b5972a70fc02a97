"""Starts without torch: what a start with OpenVINO found is kept, and the next one reads only that.

Importing torch, building a model and loading its weights is more than half of a worker's start, and
of its memory. OpenVINO needs none of it once it has its own form of the model.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

from common.settings import Settings
from worker.encoders.backends.converted import FORM, is_whole, read, text_lengths
from worker.encoders.backends.openvino import OpenVinoBackend, Plan
from worker.encoders.file_digests import FileDigests, is_settled, version_of
from worker.encoders.towers import ModelFacts
from worker.encoders.two_tower import TwoTowerEncoder
from worker.measurement import Measurement

# Makes what is known of a model from what was kept; raises ``OSError``, ``KeyError``, ``TypeError``
# or ``ValueError`` if it cannot.
Restore: TypeAlias = Callable[[Mapping[str, Any]], ModelFacts]

log = logging.getLogger(__name__)

# Raised when a start must find everything again.
_VERSION = 2

# Settings, variables and packages that decide what runs a model, and how.
_SETTINGS = ("device", "precision", "backend", "compile", "model_threads", "torch_threads")
_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
    *("HF_HOME", "HF_HUB_CACHE"),
)
_PACKAGES = ("openvino", "torch", "open_clip_torch", "timm", "tokenizers", "transformers")

# Devices that torch may run on, if it finds them: NVIDIA's, AMD's, and Windows' under Linux.
_ACCELERATORS = ("nvidia*", "kfd", "dxg")


class QuickStart:
    """The start of a worker with a model.

    Args:
        name: The model, as in the settings.
        settings: The worker's settings.
        restore: Makes what is known of the model from what was kept.
        bulk: As in ``worker.encoders.registry.load_encoder``.
        given: What else the start depends on; JSON can express it.
    """

    def __init__(
        self, name: str, settings: Settings, restore: Restore, *, bulk: bool, given: object = None
    ) -> None:
        self._restore = restore
        self._cache_dir = settings.cache_dir.expanduser()
        self._digests = FileDigests(self._cache_dir)
        facts = [
            *(_VERSION, FORM, name, bulk, given),
            *(str(getattr(settings, one)) for one in _SETTINGS),
            *(os.environ.get(one) for one in _VARIABLES),
            *(_version(one) for one in _PACKAGES),
            *(str(path) for one in _ACCELERATORS for path in sorted(Path("/dev").glob(one))),
        ]
        # Before the model is read: their versions, or None if that is not known.
        self._files: dict[str, list[int]] | None = None
        self._kept = Measurement.of(self._cache_dir, "starts", *facts)

    def encoder(self) -> TwoTowerEncoder | None:
        """Return the encoder of an earlier start; None if there is none, or its files changed."""
        found = self._kept.recall()
        if found is None:
            return None
        try:
            return self._opened(found)
        except (OSError, KeyError, TypeError, ValueError) as error:
            log.warning("encoder.no_quick_start reason=%r", error)
            return None

    def is_kept(self) -> bool:
        """Return whether there was an earlier start; its files may have changed since."""
        return self._kept.recall() is not None

    def note_files(self, files: Sequence[Path]) -> None:
        """Note the versions of the files that the model is about to be made of."""
        try:
            self._files = {str(path): version_of(path) for path in files}
        except OSError as error:
            log.warning("encoder.no_quick_start reason=%r", error)

    def keep(self, encoder: TwoTowerEncoder, model: Mapping[str, Any] | None) -> None:
        """Keep what this start found for the next one, if OpenVINO runs the model.

        Nothing is kept if a file has changed since ``note_files``, or is so new that another change
        might not be noticed.

        Args:
            encoder: The encoder.
            model: What ``restore`` needs; None if it is not known.
        """
        backend, files = encoder.backend, self._files
        if model is None or not isinstance(backend, OpenVinoBackend) or backend.folder is None:
            return
        if files is None or not all(is_settled(Path(path), files[path]) for path in files):
            return
        plan, folder = asdict(backend.plan), str(backend.folder)
        found = {"files": files, "folder": folder, "plan": plan, "model": dict(model)}
        self._kept.remember(found)

    def _opened(self, found: Mapping[str, Any]) -> TwoTowerEncoder | None:
        """Open what was kept, if its files are the same.

        Raises:
            OSError, KeyError, TypeError, ValueError: It is not what this version keeps.
        """
        if any(version_of(Path(path)) != version for path, version in found["files"].items()):
            return None
        folder = Path(found["folder"])
        if not is_whole(folder, self._digests):
            return None
        from worker.encoders.backends.quiet_openvino import openvino

        core = openvino.Core()
        model = self._restore(found["model"])
        plan = Plan(**found["plan"])
        log.info("encoder.backend backend=openvino reason='an earlier start'")
        backend = OpenVinoBackend(core, read(core, folder), plan, text_lengths(model))
        return TwoTowerEncoder(model, backend)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
