"""OpenAI's CLIP, using the ``clip`` package (on PyPI: ``rf-clip``)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from common.errors import WeightsUnavailable
from worker.encoders.clip.architectures import (
    ARCHITECTURES,
    read_safetensors,
    require_architecture,
    shapes_only,
)
from worker.encoders.clip.facts import clip_facts
from worker.encoders.clip.package.model import CLIP, build_model
from worker.encoders.file_digests import PARAMETERS, FileDigests
from worker.encoders.parameters import digest_of
from worker.encoders.towers import Towers

# Mean and standard deviation per colour of CLIP's training pictures, from `clip.clip._transform`.
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)


def load_clip(
    name: str, path: Path, former_revision: str | None = None, digests: FileDigests | None = None
) -> Towers:
    """Load a CLIP model of OpenAI's architecture.

    In float32 its towers match the package's own ``encode_image`` and ``encode_text``,
    as tests/integration/test_clip_parity.py checks.

    Args:
        name: As in the settings, for example "ViT-B/32". The weights must be of the
            architecture that one of OpenAI's names means; other names allow any.
        path: A safetensors file, a TorchScript archive or a state dict.
        former_revision: As in ``worker.encoders.clip.weights.Weights``.
        digests: Where the model's digest is kept for its next start.

    Raises:
        WeightsUnavailable: The file does not contain CLIP weights, or those of another
            architecture.
    """
    model = _load(name, path)

    def revision() -> str:
        return digest_of(model.state_dict())

    facts = clip_facts(
        name,
        digests.of(path, PARAMETERS, revision) if digests else revision(),
        former_revision,
        dim=model.text_projection.shape[1],
        side=model.visual.input_resolution,
        context_length=model.context_length,
    )
    return Towers.of(facts, _ImageTower(model), _TextTower(model))


class _ImageTower(nn.Module):
    """CLIP's image tower, from bytes: uint8 [n, size, size, 3] -> [n, dim]."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, model: CLIP) -> None:
        super().__init__()
        self.visual = model.visual
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        # [n, height, width, 3] -> [n, 3, height, width], as torchvision's ToTensor does
        scaled = pixels.permute(0, 3, 1, 2).float().div(255)
        features: torch.Tensor = self.visual((scaled - self.mean) / self.std)
        return features


class _TextTower(nn.Module):
    """CLIP's text tower: int64 [n, length] -> [n, dim].

    Unlike ``CLIP.encode_text`` it takes texts cut at the end of the longest one.
    Attention is causal, so no token sees a later one, and the embedding is that of the
    end-of-text token: the padding after it only costs time.
    """

    mask: torch.Tensor

    def __init__(self, model: CLIP) -> None:
        super().__init__()
        self.token_embedding = model.token_embedding
        self.positional_embedding = model.positional_embedding
        self.transformer = model.transformer
        self.ln_final = model.ln_final
        self.text_projection = model.text_projection
        self.register_buffer("mask", model.build_attention_mask())

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        count, length = tokens.shape
        x = self.token_embedding(tokens) + self.positional_embedding[:length]
        x = x.permute(1, 0, 2)  # [n, length, width] -> [length, n, width]
        mask = self.mask[:length, :length].to(x)
        for block in self.transformer.resblocks:
            normed = block.ln_1(x)
            x = x + block.attn(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
            x = x + block.mlp(block.ln_2(x))
        # The end-of-text token has the highest number.
        last = x[tokens.argmax(dim=-1), torch.arange(count, device=x.device)]  # [n, width]
        embeddings: torch.Tensor = self.ln_final(last) @ self.text_projection
        return embeddings


def _load(name: str, path: Path) -> CLIP:
    try:
        tensors = _read(path)
        if name in ARCHITECTURES:
            require_architecture(name, tensors, path)
        return _built(tensors)
    except WeightsUnavailable:
        raise
    except Exception as error:
        # With other files, torch and `build_model` raise errors of any class.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsUnavailable(f"{path} does not contain CLIP weights: {reason}") from error


def _built(tensors: Mapping[str, torch.Tensor]) -> CLIP:
    """Return ``build_model(tensors).float()``, without random values that are then overwritten.

    The package decides on the architecture, and on the parameters that it rounds to float16.
    """
    with shapes_only():
        model: CLIP = build_model({name: value.to("meta") for name, value in tensors.items()})
    kinds = {name: kind.dtype for name, kind in model.state_dict().items()}
    # Weights may lack the counters of batches; torch then begins them at zero.
    values = {name: tensors[name].to(kind) for name, kind in kinds.items() if name in tensors}
    model.load_state_dict(values, assign=True)
    return model.float()


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    """Read weights in any format that they are published in.

    ``clip.load`` itself can no longer read a state dict: torch leaves the file's
    position at the end if it is not TorchScript, and the package continues from there.
    """
    if _is_safetensors(path):
        return read_safetensors(path)
    with warnings.catch_warnings():
        # OpenAI published TorchScript archives, and torch has deprecated loading them.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", FutureWarning)
        try:
            archive: nn.Module = torch.jit.load(path, "cpu")  # type: ignore[no-untyped-call]
        except RuntimeError:
            state: dict[str, torch.Tensor] = torch.load(path, "cpu", weights_only=True)
            return state
    return archive.state_dict()


def _is_safetensors(path: Path) -> bool:
    """Return whether a file begins as safetensors do: a length of 8 bytes, then JSON."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"
