"""Loads models of the ``open_clip`` package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import huggingface_hub.constants
import numpy as np
import open_clip
import torch
from huggingface_hub.file_download import repo_folder_name
from numpy.typing import NDArray
from open_clip.pretrained import download_pretrained_from_hf
from torch import nn

from common.errors import WeightsUnavailable
from worker.encoders.open_clip.facts import open_clip_facts
from worker.encoders.open_clip.names import Source
from worker.encoders.open_clip.preprocessing import Preprocessing
from worker.encoders.open_clip.tokenizer import PackageTokenizer, Tokenizer
from worker.encoders.open_clip.towers import ImageTower, texts_of
from worker.encoders.parameters import digest_of
from worker.encoders.towers import Towers

_CONFIGURATION = "open_clip_config.json"

# Patterns of the files that open_clip takes weights from.
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")

# Takes files.
NoteFiles: TypeAlias = Callable[[Sequence[Path]], object]

# Longest quotation of another package's error, in characters.
_REASON_MAX = 200


def load_open_clip(name: str, note_files: NoteFiles = lambda _: None) -> Towers:
    """Load a model, downloading its weights and tokenizer from the hub if needed.

    In float32 its towers match open_clip's own ``encode_image`` and ``encode_text``,
    as tests/integration/test_open_clip_parity.py checks.

    Args:
        name: As in the settings, for example "open_clip:ViT-B-32-SigLIP2-256/webli".
        note_files: Called with the files that change with the model, before they are read.

    Raises:
        InvalidSettings: The model does not exist.
        WeightsUnavailable: The files cannot be downloaded, or do not form a model.
    """
    source = Source.of(name)
    tokenizer = _fetched(name, source)
    note_files(_files_of(source))
    with _explained(f"{name} cannot be loaded; its files do not fit together"):
        return _towers(name, source, tokenizer)


def fetch_open_clip(name: str) -> None:
    """Download a model's files into the cache of the Hugging Face Hub, or check its folder.

    Raises:
        InvalidSettings: The model does not exist.
        WeightsUnavailable: The files cannot be downloaded, or the folder is incomplete.
    """
    _fetched(name, Source.of(name))


def _files_of(source: Source) -> list[Path]:
    """Return the files that change with a model.

    A repository of the hub has one that names the version in use; of a folder, it is all files
    and the folder itself, which changes with a file more.
    """
    if source.folder is not None:
        return [source.folder, *sorted(path for path in source.folder.iterdir() if path.is_file())]
    listed = {} if source.tag is None else open_clip.get_pretrained_cfg(source.model, source.tag)
    repository = source.repository or listed.get("hf_hub", "").rpartition("/")[0]
    if not repository:
        return [Path(open_clip.download_pretrained(listed))]
    folder = repo_folder_name(repo_id=repository, repo_type="model")
    return [Path(huggingface_hub.constants.HF_HUB_CACHE) / folder / "refs" / "main"]


def _fetched(name: str, source: Source) -> Any:
    """Make sure that a model's files are on this machine, and return its tokenizer."""
    if source.folder is not None:
        _check_folder(name, source.folder)
        with _explained(f"{name}: the tokenizer cannot be loaded"):
            return open_clip.get_tokenizer(source.model)
    with _explained(
        f"{name} cannot be downloaded. Check HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE, or copy"
        " the model's repository and use open_clip:local-dir:PATH. The Hugging Face Hub's client"
    ):
        if source.repository is None:
            open_clip.download_pretrained(open_clip.get_pretrained_cfg(source.model, source.tag))
        else:
            download_pretrained_from_hf(source.repository, filename=_CONFIGURATION)
            download_pretrained_from_hf(source.repository)
        return open_clip.get_tokenizer(source.model)


def _check_folder(name: str, folder: Path) -> None:
    path = folder / _CONFIGURATION
    try:
        configuration = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsUnavailable(f"{name}: {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise WeightsUnavailable(f"{name}: {path} is not valid JSON ({error}).") from error
    if not isinstance(configuration, dict) or "model_cfg" not in configuration:
        raise WeightsUnavailable(f'{name}: {path} has no "model_cfg".')
    if not any(file for pattern in _WEIGHTS for file in folder.glob(pattern)):
        raise WeightsUnavailable(
            f"{name}: {folder} has no weights ({', '.join(_WEIGHTS)});"
            " put open_clip_model.safetensors there."
        )


@contextmanager
def _explained(sentence: str) -> Iterator[None]:
    """Translate errors: open_clip, timm, transformers and the hub's client raise any class."""
    try:
        yield
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        # Further lines are advice for programmers, such as to load pickles unchecked.
        reason = " ".join(lines[:2])[:_REASON_MAX] or type(error).__name__
        raise WeightsUnavailable(f"{sentence}: {reason}") from error


def _towers(name: str, source: Source, tokenizer: Any) -> Towers:
    model: Any = open_clip.create_model(source.model, source.tag, require_pretrained=True)
    model.eval().requires_grad_(False)
    # Before blocks are merged, which changes the parameters.
    revision = digest_of(model.state_dict())
    preprocessing = Preprocessing.of(model.visual.preprocess_cfg)
    images, (texts, end) = ImageTower(model.visual, preprocessing), texts_of(model)
    tokenize = Tokenizer(PackageTokenizer(tokenizer), end)
    facts = open_clip_facts(
        name,
        revision,
        dim=_common_dim(images, preprocessing.size, texts, tokenize([""])),
        preprocess=preprocessing,
        tokenize=tokenize,
        context_length=tokenizer.context_length,
    )
    return Towers.of(facts, images, texts)


def _common_dim(
    images: nn.Module, size: tuple[int, int], texts: nn.Module, tokens: NDArray[np.int64]
) -> int:
    """Run both towers once, so that a faulty configuration fails now and not with each picture."""
    with torch.inference_mode():
        image = images(torch.zeros((1, *size, 3), dtype=torch.uint8))
        text = texts(torch.from_numpy(tokens))
    if image.dim() != 2 or image.shape != text.shape:
        raise ValueError(f"images have shape {list(image.shape)}, texts {list(text.shape)}")
    return int(image.shape[1])
