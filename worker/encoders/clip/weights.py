"""Finds CLIP's weights: at a path, in the caches, on the hub, at OpenAI's address or a mirror."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from common.errors import WeightsUnavailable
from common.settings import Settings
from worker.encoders.clip import hub
from worker.encoders.clip.hub import HUB_FILES
from worker.encoders.file_digests import FileDigests
from worker.encoders.progress import Progress, logged

log = logging.getLogger(__name__)

# Base address of OpenAI's releases, from the `clip` package; each file is in a folder
# named after its SHA-256.
OFFICIAL_ADDRESS = "https://openaipublic.azureedge.net/clip/models"

# File name and SHA-256 of each model's weights, copied from `clip.clip._MODELS` so that
# resolving a name does not import torch.
OFFICIAL_FILES = {
    "RN50": ("RN50.pt", "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"),
    "RN101": ("RN101.pt", "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599"),
    "RN50x4": ("RN50x4.pt", "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd"),
    "RN50x16": ("RN50x16.pt", "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa"),
    "RN50x64": ("RN50x64.pt", "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c"),
    "ViT-B/32": ("ViT-B-32.pt", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
    "ViT-B/16": ("ViT-B-16.pt", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"),
    "ViT-L/14": ("ViT-L-14.pt", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"),
    "ViT-L/14@336px": (
        "ViT-L-14-336px.pt",
        "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    ),
}


# Digits of a file's SHA-256 that once were the revision of its model.
_FORMER_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Weights:
    """A complete file of weights on this machine."""

    path: Path
    # What collections called these weights before a revision was a digest of the parameters; None
    # if no source of that time had them.
    former_revision: str | None


def find_weights(name: str, settings: Settings, progress: Progress | None = None) -> Weights:
    """Return the weights of an OpenAI model, downloading them if needed.

    If the settings give a path, only that file is used, unchecked: a file from another
    location could be another model. Files from all other locations must have their known
    SHA-256 or, if none is known, all tensors of the model in the safetensors format.

    Args:
        name: One of ``OFFICIAL_FILES``.
        settings: Provides the path, the cache and the mirror.
        progress: Called during a download; by default it writes to the log.

    Raises:
        WeightsUnavailable: No location has them; the message lists all of them.
    """
    digests = FileDigests(settings.cache_dir.expanduser())
    if settings.clip_weights is not None:
        return _given(settings.clip_weights.expanduser(), digests)
    return _Search(name, settings, digests, progress or logged()).run()


def _given(path: Path, digests: FileDigests) -> Weights:
    try:
        return Weights(path, digests.sha256_of(path)[:_FORMER_DIGITS])
    except OSError as error:
        raise WeightsUnavailable(
            f"GLIMPSE_CLIP_WEIGHTS={path} cannot be read ({error.strerror}). "
            "Set it to a file of weights, or unset it to download them."
        ) from error


class _Search:
    """One search of all locations but the path, in order.

    Args:
        name: One of ``OFFICIAL_FILES``.
        settings: Provides the cache and the mirror.
        digests: Those of files that are there.
        progress: Called during a download.
    """

    def __init__(
        self, name: str, settings: Settings, digests: FileDigests, progress: Progress
    ) -> None:
        self._name = name
        self._hub_file = HUB_FILES[name]
        self._filename, self._sha256 = OFFICIAL_FILES[name]
        self._target = settings.clip_cache.expanduser() / self._filename
        self._mirror = settings.clip_mirror.rstrip("/")
        self._digests = digests
        self._progress = progress
        # Why each location was of no use.
        self._tried = {"GLIMPSE_CLIP_WEIGHTS": "not set"}

    def run(self) -> Weights:
        """Return the first weights found; raises ``WeightsUnavailable``."""
        for location, search in (
            ("cache", self._in_cache),
            ("Hugging Face Hub", self._on_hub),
            ("OpenAI's address", self._at_openai),
            ("GLIMPSE_CLIP_MIRROR", self._at_mirror),
        ):
            try:
                return search()
            except WeightsUnavailable as error:
                self._tried[location] = str(error)
            except OSError as error:
                self._tried[location] = f"a folder cannot be used ({error})"
            log.debug("weights.not_found location=%s %s", location, self._tried[location])
        raise WeightsUnavailable(self._explain())

    def _in_cache(self) -> Weights:
        if not self._target.is_file():
            raise WeightsUnavailable(f"{self._target} does not exist")
        if self._digests.sha256_of(self._target) != self._sha256:
            log.warning("weights.damaged file=%s", self._target)
            raise WeightsUnavailable(
                f"{self._target} is damaged: its SHA-256 is not {self._sha256}"
            )
        return Weights(self._target, self._sha256[:_FORMER_DIGITS])

    def _on_hub(self) -> Weights:
        try:
            path = hub.cached(self._hub_file)
            if path is not None:
                try:
                    return self._from_hub(path)
                except WeightsUnavailable:
                    log.warning("weights.damaged file=%s", path)
                    hub.discard(path)
            path = hub.fetch(self._hub_file, self._progress)
        except ModuleNotFoundError as error:
            raise WeightsUnavailable(
                f"{error.name} is not installed; run pip install 'glimpse[worker]'"
            ) from error
        try:
            return self._from_hub(path)
        except WeightsUnavailable:
            hub.discard(path)
            raise

    def _from_hub(self, path: Path) -> Weights:
        """Return a file of the hub if its bytes are right; raises ``WeightsUnavailable``."""
        if self._hub_file.sha256 is None:
            # Only these models need torch to be checked.
            from worker.encoders.clip.architectures import read_safetensors, require_architecture

            require_architecture(self._name, read_safetensors(path), path)
            # The tensors do not show that they are those of OpenAI's file.
            return Weights(path, None)
        if self._digests.sha256_of(path) != self._hub_file.sha256:
            raise WeightsUnavailable(
                f"{hub.address(self._hub_file)} sent wrong bytes: "
                f"their SHA-256 is not {self._hub_file.sha256}"
            )
        return Weights(path, self._sha256[:_FORMER_DIGITS])

    def _at_openai(self) -> Weights:
        return self._download(f"{OFFICIAL_ADDRESS}/{self._sha256}/{self._filename}")

    def _at_mirror(self) -> Weights:
        if not self._mirror:
            raise WeightsUnavailable("not set")
        return self._download(f"{self._mirror}/{self._filename}")

    def _download(self, url: str) -> Weights:
        # Most workers fetch nothing, and httpx takes a tenth of their start to import.
        from worker.encoders.clip.download import download

        self._target.parent.mkdir(parents=True, exist_ok=True)
        # A second process waits here for the first one's download, and then finds the file.
        with FileLock(f"{self._target}.lock"):
            try:
                return self._in_cache()
            except WeightsUnavailable:
                download(url, self._target, self._sha256, self._progress)
        return Weights(self._target, self._sha256[:_FORMER_DIGITS])

    def _explain(self) -> str:
        places = "; ".join(
            f"{number}. {location}: {reason}"
            for number, (location, reason) in enumerate(self._tried.items(), 1)
        )
        return (
            f"{self._name} weights not found in any location. {places}. "
            "Let this machine reach the hub, set HF_ENDPOINT to a mirror of it, set "
            "GLIMPSE_CLIP_WEIGHTS to a file of these weights, or set GLIMPSE_MODEL=starter."
        )
