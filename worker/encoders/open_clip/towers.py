"""The towers of ``open_clip``'s models, from bytes and tokens."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import TextTransformer, text_global_pool
from timm.models import reparameterize_model
from torch import nn

from worker.encoders.open_clip.preprocessing import Preprocessing
from worker.encoders.open_clip.tokenizer import End


class ImageTower(nn.Module):
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
        """Embed pictures: uint8 [n, height, width, 3] -> [n, dim]."""
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

    def end(self) -> End | None:
        """Return where texts may be cut, or None if the padding affects the embedding.

        It does not if each token sees earlier ones only and the embedding is that of the
        end-of-text token. SigLIP and MobileCLIP2 have no mask, and SigLIP takes the last token.
        """
        if self.mask is None or not torch.equal(self.mask, _causal_mask_like(self.mask)):
            return None
        if self.pool_type == "argmax":
            # The end-of-text token has the highest number.
            return End()
        return End(self.eos_id) if self.pool_type == "eos" and self.eos_id != 0 else None


class _OtherTextTower(nn.Module):
    """A text tower of another kind (CoCa, transformers): int64 [n, context] -> [n, dim]."""

    def __init__(self, text: nn.Module) -> None:
        super().__init__()
        self.text = text

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return _features(self.text(tokens))


def texts_of(model: Any) -> tuple[nn.Module, End | None]:
    """Return a model's text tower and where its texts may be cut."""
    if not hasattr(model, "text"):
        tower = _TextTower(model, model.text_pool_type, model.text_eos_id)
    # With a class token, which CoCa appends after the padding, the embedding is that token's.
    elif isinstance(model.text, TextTransformer) and model.text.cls_emb is None:
        tower = _TextTower(model.text, model.text.pool_type, model.text.eos_id)
    else:
        return _OtherTextTower(model.text), None
    return tower, tower.end()


def _features(output: Any) -> torch.Tensor:
    """Return the embeddings; CoCa's towers also return those of all tokens."""
    features: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return features


def _causal_mask_like(mask: torch.Tensor) -> torch.Tensor:
    return torch.full_like(mask, float("-inf")).triu(1)
