"""Models of the ``open_clip`` package (on PyPI: ``open_clip_torch``)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.pretrained import download_pretrained_from_hf
from open_clip.transformer import TextTransformer, text_global_pool
from timm.models import reparameterize_model
from torch import nn

from common.errors import WeightsUnavailable
from worker.encoders.open_clip_names import Source
from worker.encoders.open_clip_preprocessing import Preprocessing
from worker.encoders.parameters import digest_of
from worker.encoders.towers import Towers

_CONFIGURATION = "open_clip_config.json"

# Patterns of the files that open_clip takes weights from.
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")

# Minimum size of a JPEG decoded at reduced size, as for OpenAI's CLIP.
_DRAFT_MARGIN = 2

# Longest quotation of another package's error, in characters.
_REASON_MAX = 200

# Cuts the padding that a batch of tokens has in common: int64 [n, length] -> [n, shorter].
_Cut = Callable[[torch.Tensor], torch.Tensor]


def load_open_clip(name: str) -> Towers:
    """Load a model, downloading its weights and tokenizer from the hub if needed.

    In float32 its towers match open_clip's own ``encode_image`` and ``encode_text``,
    as tests/integration/test_open_clip_parity.py checks.

    Args:
        name: As in the settings, for example "open_clip:ViT-B-32-SigLIP2-256/webli".

    Raises:
        InvalidSettings: The model does not exist.
        WeightsUnavailable: The files cannot be downloaded, or do not form a model.
    """
    source = Source.of(name)
    tokenizer = _fetched(name, source)
    with _explained(f"{name} cannot be loaded; its files do not fit together"):
        return _towers(name, source, tokenizer)


def fetch_open_clip(name: str) -> None:
    """Download a model's files into the cache of the Hugging Face Hub, or check its folder.

    Raises:
        InvalidSettings: The model does not exist.
        WeightsUnavailable: The files cannot be downloaded, or the folder is incomplete.
    """
    _fetched(name, Source.of(name))


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
    images, (texts, cut) = _ImageTower(model.visual, preprocessing), _texts_of(model)
    tokenize = _Tokenizer(tokenizer, cut)
    return Towers(
        name=name,
        revision=revision,
        dim=_common_dim(images, preprocessing.size, texts, tokenize([""])),
        images=images,
        texts=texts,
        preprocess=preprocessing,
        tokenize=tokenize,
        image_size=preprocessing.size,
        context_length=tokenizer.context_length,
        causal=cut is not None,
        draft_side=max(preprocessing.size) * _DRAFT_MARGIN,
    )


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


class _ImageTower(nn.Module):
    """An image tower, from bytes: uint8 [n, height, width, 3] -> [n, dim]."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, visual: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        # Merge the parallel branches that MobileCLIP has in training.
        self.visual = reparameterize_model(visual, inplace=True)
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        # [n, height, width, 3] -> [n, 3, height, width], as torchvision's ToTensor does
        scaled = pixels.permute(0, 3, 1, 2).float().div(255)
        return _features(self.visual((scaled - self.mean) / self.std))


class _TextTower(nn.Module):
    """The text transformer of most models: int64 [n, length] -> [n, dim].

    Unlike open_clip's own forward passes, it takes texts of any length up to the context, and
    keeps the sums between blocks in float32 if the weights are lowered.
    """

    mask: torch.Tensor | None
    text_projection: nn.Module | nn.Parameter | None

    def __init__(self, text: Any, pool_type: str, eos_id: int) -> None:
        super().__init__()
        self.token_embedding: nn.Module = text.token_embedding
        self.positional_embedding: nn.Parameter = text.positional_embedding
        self.transformer: nn.Module = text.transformer
        self.ln_final: nn.Module = text.ln_final
        self.text_projection = text.text_projection
        self.pool_type, self.eos_id = pool_type, eos_id
        self.register_buffer("mask", text.attn_mask)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[1]
        x = self.token_embedding(tokens) + self.positional_embedding[:length]
        mask = None if self.mask is None else self.mask[:length, :length]
        x = self.ln_final(self.transformer(x, attn_mask=mask))  # [n, length, width]
        pooled: torch.Tensor = text_global_pool(x, tokens, self.pool_type, self.eos_id)
        projection = self.text_projection
        if isinstance(projection, nn.Module):
            return _features(projection(pooled))
        return pooled if projection is None else pooled @ projection

    def cut(self) -> _Cut | None:
        """Return how to cut padding, or None if the padding affects the embedding.

        It does not if each token sees earlier ones only and the embedding is that of the
        end-of-text token. SigLIP and MobileCLIP2 have no mask, and SigLIP takes the last token.
        """
        if self.mask is None or not torch.equal(self.mask, _causal_mask_like(self.mask)):
            return None
        if self.pool_type == "argmax":
            # The end-of-text token has the highest number.
            return lambda tokens: tokens[:, : tokens.argmax(dim=1).max() + 1]
        if self.pool_type == "eos" and self.eos_id != 0:
            return lambda tokens: tokens[:, : _first(tokens == self.eos_id).max() + 1]
        return None


class _OtherTextTower(nn.Module):
    """A text tower of another kind (CoCa, transformers): int64 [n, context] -> [n, dim]."""

    def __init__(self, text: nn.Module) -> None:
        super().__init__()
        self.text = text

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return _features(self.text(tokens))


def _texts_of(model: Any) -> tuple[nn.Module, _Cut | None]:
    """Return a model's text tower and how to cut its texts."""
    if not hasattr(model, "text"):
        tower = _TextTower(model, model.text_pool_type, model.text_eos_id)
    # With a class token, which CoCa appends after the padding, the embedding is that token's.
    elif isinstance(model.text, TextTransformer) and model.text.cls_emb is None:
        tower = _TextTower(model.text, model.text.pool_type, model.text.eos_id)
    else:
        return _OtherTextTower(model.text), None
    return tower, tower.cut()


class _Tokenizer:
    """A model's own tokenizer, for several threads.

    Args:
        tokenize: open_clip's tokenizer; those of the ``tokenizers`` package are not thread-safe.
        cut: Cuts padding, if that leaves embeddings unchanged.
    """

    def __init__(self, tokenize: Callable[[list[str]], torch.Tensor], cut: _Cut | None) -> None:
        self._tokenize = tokenize
        self._cut = cut
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the tokens of texts: int64 [n, length]."""
        with self._lock:
            tokens = self._tokenize(list(texts)).long()
        return np.ascontiguousarray((self._cut(tokens) if self._cut else tokens).numpy())


def _features(output: Any) -> torch.Tensor:
    """Return the embeddings; CoCa's towers also return those of all tokens."""
    features: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return features


def _causal_mask_like(mask: torch.Tensor) -> torch.Tensor:
    return torch.full_like(mask, float("-inf")).triu(1)


def _first(found: torch.Tensor) -> torch.Tensor:
    return found.int().argmax(dim=1)
