"""OpenAI's weights on the Hugging Face Hub, fetched by ``huggingface_hub``.

That library provides the cache, the lock between processes and the resumption of broken
connections, and reads HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import WeightsUnavailable
from worker.encoders.progress import Progress

log = logging.getLogger(__name__)

# The hub learns what a download needs, and not what else runs on this machine.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# The whole model, with the names of the `clip` package's tensors, in float32. Each repository has
# it as a pickle, too, which is never read.
_FILENAME = "open_clip_model.safetensors"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A repository's file of weights; one without a checksum is checked by its tensors."""

    repository: str
    # Commit, branch or tag.
    revision: str = "main"
    # Lower-case hexadecimal SHA-256, or None if it is unknown.
    sha256: str | None = None


# The repositories are those of open_clip's table of pretrained models. Each revision and checksum
# is pinned by at least two unrelated public programs (docs/decisions/0005-encoders.md).
HUB_FILES = {
    "RN50": HubFile(
        "timm/resnet50_clip.openai",
        "ec3d92cf63a5f9d591f0d611b736895966c73076",
        "da0baa37fb2211eee5729ab69ed587eb10d48f5b7076ceeed01552fc3d4cb4ee",
    ),
    "RN101": HubFile("timm/resnet101_clip.openai"),
    "RN50x4": HubFile("timm/resnet50x4_clip.openai"),
    "RN50x16": HubFile("timm/resnet50x16_clip.openai"),
    "RN50x64": HubFile("timm/resnet50x64_clip.openai"),
    "ViT-B/32": HubFile(
        "timm/vit_base_patch32_clip_224.openai",
        "a6f597a30f7b82c51704746581f9a4e41421e878",
        "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
    ),
    "ViT-B/16": HubFile(
        "timm/vit_base_patch16_clip_224.openai",
        "977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d",
        "4b8699299b1e8997753c64b052ba32031449d5d853f55a039148560ee02b820f",
    ),
    "ViT-L/14": HubFile(
        "timm/vit_large_patch14_clip_224.openai",
        "18d0535469bb561bf468d76c1d73aa35156c922b",
        "9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e",
    ),
    "ViT-L/14@336px": HubFile(
        "timm/vit_large_patch14_clip_336.openai",
        "81e38efc4637de5023b10e75a7f9bd1c6fa6b010",
        "fbc415c3d0d7b79faed8f5ccfb740c32b7c4f5ffe7283b851f89c6231c01a8e0",
    ),
}


def address(file: HubFile) -> str:
    """Return the URL of a file."""
    from huggingface_hub import hf_hub_url

    return hf_hub_url(file.repository, _FILENAME, revision=file.revision)


def cached(file: HubFile) -> Path | None:
    """Return the file in the hub's cache, unchecked, without connecting to the hub."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(file.repository, _FILENAME, revision=file.revision)
    return Path(found) if isinstance(found, str) else None


def discard(path: Path) -> None:
    """Remove a file of the hub's cache, which may be a link to the bytes."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def fetch(file: HubFile, progress: Progress) -> Path:
    """Download a file into the hub's cache, unchecked; its bytes are complete.

    Raises:
        WeightsUnavailable: The hub does not answer, refuses, or disconnects; or the cache
            cannot be written. The message says which.
    """
    try:
        return _download(file, progress)
    except ImportError:
        raise
    except Exception as error:
        # huggingface_hub, httpx2 and hf_xet raise errors of many classes.
        raise WeightsUnavailable(f"{address(file)} failed ({_reason(error)})") from error


def _download(file: HubFile, progress: Progress) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download
    from huggingface_hub.errors import FileMetadataError

    # First a single request: the download would repeat a failing one for a minute.
    if get_hf_file_metadata(address(file)).commit_hash is None:
        raise FileMetadataError("it does not answer as a model hub does")
    log.info("weights.download url=%s", address(file))
    path = hf_hub_download(
        file.repository, _FILENAME, revision=file.revision, tqdm_class=_bar(progress)
    )
    return Path(path)


def _bar(progress: Progress) -> type[Any]:
    """Return a class for huggingface_hub's progress bars that reports and draws nothing."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            progress(int(self.n), self.total)

        def update_transfer(self, n: float) -> None:
            """Ignore compressed bytes; ``update`` gets those of the file."""

    return Bar


def _reason(error: Exception) -> str:
    """Return an error's cause in a few words, without headers or signed addresses."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        denied = "; the repository does not exist, or HF_TOKEN has no access to it"
        return f"status {status}{denied if status in (401, 403) else ''}"
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    return next(iter(str(error).splitlines()), type(error).__name__)
