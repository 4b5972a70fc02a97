"""Where CLIP's weights come from: a path, the cache, OpenAI's address, a mirror."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from common.errors import WeightsUnavailable
from common.settings import Settings
from worker.encoders.checksum import sha256_of

log = logging.getLogger(__name__)

# Folder of OpenAI's releases, from the `clip` package; a file lies in a folder
# named after its SHA-256.
OFFICIAL_ADDRESS = "https://openaipublic.azureedge.net/clip/models"

# File name and SHA-256 of each model's weights, from `clip.clip._MODELS`. They are
# copied so that a name can be resolved without importing torch.
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
    """A whole file of weights on this machine."""

    path: Path
    # Lower-case hexadecimal SHA-256 of the file.
    sha256: str


def find_weights(name: str, settings: Settings) -> Weights:
    """Return the weights of an OpenAI model, fetching them if need be.

    A path that the settings name is taken as it is or not at all: another file
    in its place would be another model. Everything else must have the official
    SHA-256.

    Args:
        name: One of ``OFFICIAL_FILES``.
        settings: Name the path, the cache and the mirror.

    Raises:
        WeightsUnavailable: No place has them; the message names all four.
    """
    tried = dict.fromkeys(("path", "cache", "official", "mirror"), "not asked")
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
        # Looked at before anything is written: a cache may be read-only and whole.
        if _is_whole(target, sha256, tried) or _fetched_once(target, sha256, settings, tried):
            return Weights(target, sha256)
    except OSError as error:
        tried["cache"] = f"{target.parent} cannot be used ({error})"
    return None


def _is_whole(target: Path, sha256: str, tried: dict[str, str]) -> bool:
    if not target.is_file():
        tried["cache"] = f"{target} is not there"
        return False
    whole = sha256_of(target) == sha256
    if not whole:
        tried["cache"] = f"{target} is damaged: its SHA-256 is not {sha256}"
        log.warning("weights.damaged file=%s", target)
    return whole


def _fetched_once(target: Path, sha256: str, settings: Settings, tried: dict[str, str]) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    # A second process waits here for the download of the first, and finds the file whole.
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
        f"The weights of {name} are nowhere to be had. "
        f"1. Path: {tried['path']}. 2. Cache: {tried['cache']}. "
        f"3. Official address: {tried['official']}. 4. Mirror: {tried['mirror']}. "
        f"Put {OFFICIAL_FILES[name][0]} into the cache, or name it with GLIMPSE_CLIP_WEIGHTS, "
        "or name an address that serves it with GLIMPSE_CLIP_MIRROR, or take GLIMPSE_MODEL=starter."
    )
