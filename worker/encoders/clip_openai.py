"""OpenAI's CLIP, using the ``clip`` package (on PyPI: ``rf-clip``)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import clip
import numpy as np
import torch
from clip.model import CLIP, build_model
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from common.errors import WeightsUnavailable
from worker.encoders.compute import Compute
from worker.encoders.crop import centre_square
from worker.encoders.vectors import no_rows, unit_rows
from worker.encoders.weights import Weights

# Mean and standard deviation per colour of CLIP's training pictures, from `clip.clip._transform`.
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)

# Minimum size of a JPEG decoded at reduced size, as a multiple of the model's input size: the
# resizing that follows evens out the loss (docs/benchmarks.md has the cosines).
_DRAFT_MARGIN = 2

# Hexadecimal digits of the weights' SHA-256 used as the revision: enough to distinguish
# files, and short enough to read.
_REVISION_DIGITS = 12


class ClipEncoder:
    """A CLIP model of OpenAI's architecture; see ``worker.encoders.base.Encoder``.

    For single, full-size, float32 inputs it matches the package's own ``encode_image``
    and ``encode_text``, as tests/integration/test_clip_parity.py checks.

    Args:
        name: As in the settings, for example "ViT-B/32".
        weights: A TorchScript archive or a state dict.
        compute: The device and precision.

    Raises:
        WeightsUnavailable: The file does not contain CLIP weights.
    """

    def __init__(self, name: str, weights: Weights, compute: Compute) -> None:
        self.name = name
        self.revision = weights.sha256[:_REVISION_DIGITS]
        self.concurrency = compute.concurrency
        self._compute = compute
        self._model = compute.place(_load(weights.path))
        self.dim: int = self._model.text_projection.shape[1]
        self._size: int = self._model.visual.input_resolution
        self.draft_side: int | None = self._size * _DRAFT_MARGIN
        self._mean = torch.tensor(_MEAN, device=compute.device).view(1, 3, 1, 1)
        self._std = torch.tensor(_STD, device=compute.device).view(1, 3, 1, 1)

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize the short side and crop the centre: uint8 [size, size, 3]."""
        return centre_square(image, self._size)

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed preprocessed pictures: float32 [len(images), dim], unit rows."""
        if not images:
            return no_rows(self.dim)
        with self._compute.inference():
            pixels = torch.from_numpy(np.stack(images)).to(self._compute.device)
            # [n, height, width, 3] -> [n, 3, height, width], as torchvision's ToTensor does
            scaled = pixels.permute(0, 3, 1, 2).float().div(255)
            features = self._model.encode_image((scaled - self._mean) / self._std)
            return unit_rows(features.float().cpu().numpy())

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences: float32 [len(texts), dim], unit rows.

        Texts with more tokens than the model's context are truncated.
        """
        if not texts:
            return no_rows(self.dim)
        with self._compute.inference():
            tokens = clip.tokenize(list(texts), self._model.context_length, truncate=True)
            features = _encode_text(self._model, tokens.to(self._compute.device))
            return unit_rows(features.float().cpu().numpy())


def _encode_text(model: CLIP, tokens: torch.Tensor) -> torch.Tensor:
    """Do the same as ``CLIP.encode_text``, but only up to the end of the longest text.

    Attention is causal, so no token sees a later one, and the embedding is that of
    the end-of-text token. So the padding after it only costs time.

    Args:
        model: Provides the weights and the mask.
        tokens: int [n, context_length]; the end-of-text token has the highest number.

    Returns:
        [n, dim], not normalised.
    """
    ends = tokens.argmax(dim=-1)
    length = int(ends.max()) + 1
    x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    x = x.permute(1, 0, 2)  # [n, length, width] -> [length, n, width]
    mask = model.build_attention_mask()[:length, :length].to(x)
    for block in model.transformer.resblocks:
        normed = block.ln_1(x)
        x = x + block.attn(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
        x = x + block.mlp(block.ln_2(x))
    last = x[ends, torch.arange(len(ends), device=x.device)]  # [n, width]
    embeddings: torch.Tensor = model.ln_final(last) @ model.text_projection
    return embeddings


def _load(path: Path) -> CLIP:
    try:
        return build_model(_read(path)).float()
    except Exception as error:
        # With other files, torch and `build_model` raise errors of any class.
        raise WeightsUnavailable(f"{path} does not contain CLIP weights: {error}") from error


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    """Read weights in either of the formats of ``clip.load``.

    ``clip.load`` itself can no longer read a state dict: torch leaves the file's
    position at the end if it is not TorchScript, and the package continues from there.
    """
    with warnings.catch_warnings():
        # OpenAI published TorchScript archives, and torch has deprecated loading them.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", FutureWarning)
        try:
            archive: nn.Module = torch.jit.load(path, "cpu")  # type: ignore[no-untyped-call]
        except RuntimeError:
            state: dict[str, torch.Tensor] = torch.load(path, "cpu", weights_only=True)
            return state
    return archive.state_dict()
