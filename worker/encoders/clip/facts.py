"""The inputs of OpenAI's CLIP, and what is known of one of its models; torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.encoders.clip.bicubic import centre_square
from worker.encoders.clip.package.simple_tokenizer import SimpleTokenizer
from worker.encoders.towers import ModelFacts

# Minimum size of a JPEG decoded at reduced size, as a multiple of the model's input size: the
# resizing that follows evens out the loss (docs/benchmarks.md has the cosines).
_DRAFT_MARGIN = 2

_TOKENIZER = SimpleTokenizer()
# The tokens before and after each text.
_START, _END = (_TOKENIZER.encoder[f"<|{name}|>"] for name in ("startoftext", "endoftext"))


def clip_facts(
    name: str,
    revision: str,
    former_revision: str | None,
    *,
    dim: int,
    side: int,
    context_length: int,
) -> ModelFacts:
    """Return what is known of a model.

    Args:
        name: As in the settings.
        revision: The digest of its parameters.
        former_revision: As in ``worker.encoders.clip.weights.Weights``.
        dim: Length of a vector.
        side: Side of its square input, in pixels.
        context_length: Maximum tokens of a text.
    """
    return ModelFacts(
        name=name,
        revision=revision,
        former_revisions=(former_revision,) if former_revision else (),
        dim=dim,
        preprocess=partial(centre_square, size=side),
        tokenize=partial(_tokenize, context_length=context_length),
        image_size=(side, side),
        context_length=context_length,
        causal=True,
        draft_side=side * _DRAFT_MARGIN,
    )


def describe(model: ModelFacts) -> dict[str, Any]:
    """Return what ``restore`` makes the facts of, as JSON can express it."""
    return {
        "name": model.name,
        "revision": model.revision,
        "former_revision": next(iter(model.former_revisions), None),
        "dim": model.dim,
        "side": model.image_size[0],
        "context_length": model.context_length,
    }


def restore(known: Mapping[str, Any]) -> ModelFacts:
    """Return the facts of a model that was described; raises ``TypeError`` if it was not."""
    return clip_facts(**known)


def _tokenize(texts: Sequence[str], context_length: int) -> NDArray[np.int64]:
    """Return the tokens of texts, without the padding after the longest: int64 [n, length].

    They match ``clip.tokenize``'s: a text longer than the context is cut before its end token.
    """
    rows = [[_START, *_TOKENIZER.encode(text)[: context_length - 2], _END] for text in texts]
    tokens = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for row, found in zip(tokens, rows, strict=True):
        row[: len(found)] = found
    return tokens
