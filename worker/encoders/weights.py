"""Finds CLIP's weights: at a path, in the cache, at OpenAI's address or at a mirror."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from common.errors import WeightsUnavailable
from common.settings import Settings
from worker.encoders.checksum import sha256_of

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


@dataclass(frozen=True, slots=True)
class Weights:
    """A complete file of weights on this machine."""

    path: Path
    # Lower-case hexadecimal SHA-256 of the file.
    sha256: str


def find_weights(name: str, settings: Settings) -> Weights:
    """Return the weights of an OpenAI model, downloading them if needed.

    If the settings give a path, only that file is used, unchecked: a file from another
    location could be another model. Files from all other locations must have the
    official SHA-256.

    Args:
        name: One of ``OFFICIAL_FILES``.
        settings: Provides the path, the cache and the mirror.

    Raises:
        WeightsUnavailable: No location has them; the message lists all four.
    """
    tried = dict.fromkeys(("path", "cache", "official", "mirror"), "not tried")
    if settings.clip_weights is None:
        tried["path"] = "GLIMPSE_CLIP_WEIGHTS is not set"
        found = _cached_or_fetched(name, settings, tried)
    else:
        found = _given(settings.clip_weights.expanduser(), tried)
    if found is None:
        raise WeightsUnavailable(_explain(name, tried))
    return found


def _given(path: Path, tried: dict[str, str]) -> Weights | None:
    try:
        return Weights(path, sha256_of(path))
    except OSError as error:
        tried["path"] = f"GLIMPSE_CLIP_WEIGHTS={path} cannot be read ({error.strerror})"
        return None


def _cached_or_fetched(name: str, settings: Settings, tried: dict[str, str]) -> Weights | None:
    filename, sha256 = OFFICIAL_FILES[name]
    target = settings.clip_cache.expanduser() / filename
    tried["mirror"] = "GLIMPSE_CLIP_MIRROR is not set"
    try:
        # Check before writing anything: a complete cache may be read-only.
        if _is_whole(target, sha256, tried) or _fetched_once(target, sha256, settings, tried):
            return Weights(target, sha256)
    except OSError as error:
        tried["cache"] = f"{target.parent} cannot be used ({error})"
    return None


def _is_whole(target: Path, sha256: str, tried: dict[str, str]) -> bool:
    if not target.is_file():
        tried["cache"] = f"{target} does not exist"
        return False
    whole = sha256_of(target) == sha256
    if not whole:
        tried["cache"] = f"{target} is damaged: its SHA-256 is not {sha256}"
        log.warning("weights.damaged file=%s", target)
    return whole


def _fetched_once(target: Path, sha256: str, settings: Settings, tried: dict[str, str]) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    # A second process waits here for the first one's download, and then finds the file.
    with FileLock(f"{target}.lock"):
        return _is_whole(target, sha256, tried) or _fetched(target, sha256, settings, tried)


def _fetched(target: Path, sha256: str, settings: Settings, tried: dict[str, str]) -> bool:
    # Most workers fetch nothing, and httpx takes a tenth of their start to import.
    from worker.encoders.download import download

    sources = {"official": f"{OFFICIAL_ADDRESS}/{sha256}/{target.name}"}
    if settings.clip_mirror:
        sources["mirror"] = f"{settings.clip_mirror.rstrip('/')}/{target.name}"
    for place, url in sources.items():
        try:
            download(url, target, sha256)
        except WeightsUnavailable as error:
            tried[place] = str(error)
            log.warning("weights.not_fetched place=%s reason=%s", place, error)
        else:
            return True
    return False


def _explain(name: str, tried: dict[str, str]) -> str:
    return (
        f"{name} weights not found in any location. "
        f"1. Path: {tried['path']}. 2. Cache: {tried['cache']}. "
        f"3. Official address: {tried['official']}. 4. Mirror: {tried['mirror']}. "
        f"Put {OFFICIAL_FILES[name][0]} into the cache, set GLIMPSE_CLIP_WEIGHTS to its path, "
        "set GLIMPSE_CLIP_MIRROR to an address that serves it, or set GLIMPSE_MODEL=starter."
    )
