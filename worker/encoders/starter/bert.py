"""BERT's encoder in plain torch, with the names of the published weights.

It matches ``BertModel`` of transformers, whose import takes longer than reading MiniLM's weights
(tests/integration/test_starter.py compares them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class BertShape:
    """Sizes of a model: the fields of its ``config.json`` that are used."""

    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    layer_norm_eps: float

    @classmethod
    def of(cls, config: dict[str, Any]) -> BertShape:
        """Return the sizes of a configuration, whose other fields are ignored."""
        return cls(**{name: config[name] for name in cls.__slots__})


class Bert(nn.Module):
    """The encoder, without the head for pairs of sentences.

    Args:
        shape: Its sizes.
    """

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        width = shape.hidden_size
        # Any: torch declares no types for the parts of a `ModuleDict`.
        self.embeddings: Any = nn.ModuleDict(
            {
                "word_embeddings": _table(shape.vocab_size, width),
                "position_embeddings": _table(shape.max_position_embeddings, width),
                "token_type_embeddings": _table(shape.type_vocab_size, width),
                "LayerNorm": nn.LayerNorm(width, shape.layer_norm_eps),
            }
        )
        layers = [_Layer(shape) for _ in range(shape.num_hidden_layers)]
        self.encoder: Any = nn.ModuleDict({"layer": nn.ModuleList(layers)})

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return a state for each token: int64 and bool [n, length] -> [n, length, width].

        Args:
            tokens: The tokens' numbers, padded.
            mask: False for padding.
        """
        parts = self.embeddings
        types = parts["token_type_embeddings"].weight[0]
        places = parts["position_embeddings"].weight[: tokens.shape[1]]
        x: torch.Tensor = parts["LayerNorm"](parts["word_embeddings"](tokens) + types + places)
        for layer in self.encoder["layer"]:
            x = layer(x, mask[:, None, None, :])
        return x


class _Layer(nn.Module):
    """Attention among the tokens, then a perceptron for each."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        width, inner = shape.hidden_size, shape.intermediate_size
        self.heads = shape.num_attention_heads
        looks = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        self.attention: Any = nn.ModuleDict(
            {"self": nn.ModuleDict(looks), "output": _joint(width, shape)}
        )
        self.intermediate: Any = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = _joint(inner, shape)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        parts = self.attention["self"]
        # [n, length, width] -> [n, heads, length, width / heads]
        query, key, value = (
            parts[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = _join(self.attention["output"], seen.transpose(1, 2).flatten(-2), x)
        return _join(self.output, nn.functional.gelu(self.intermediate["dense"](x)), x)


def _table(rows: int, width: int) -> nn.Embedding:
    """Return an embedding without random values, which take longer than reading the weights."""
    with torch.device("meta"):
        weight = torch.empty(rows, width)
    return nn.Embedding(rows, width, _weight=weight)


def _joint(inputs: int, shape: BertShape) -> nn.ModuleDict:
    width = shape.hidden_size
    norm = nn.LayerNorm(width, shape.layer_norm_eps)
    return nn.ModuleDict({"dense": nn.Linear(inputs, width), "LayerNorm": norm})


def _join(joint: Any, inner: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return what a sublayer computed, projected, added to its input, and normalised."""
    joined: torch.Tensor = joint["LayerNorm"](joint["dense"](inner) + x)
    return joined
