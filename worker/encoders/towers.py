"""What is known of a model, and its towers, independent of what runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    # A start with OpenVINO alone does not import torch.
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model besides its parameters, and how to make its inputs.

    Attributes:
        name: As in the settings, for example "ViT-B/32".
        revision: The digest of the parameters (``worker.encoders.parameters``).
        dim: Length of a vector.
        preprocess: Resizes and crops an upright RGB picture: uint8 [height, width, 3].
        tokenize: int64 [n, length], truncated to ``context_length``; if ``causal``, no longer
            than the longest text.
        image_size: Height and width of the images' input, in pixels.
        context_length: Maximum tokens of a text.
        causal: Whether zeros after a text's end leave its vector unchanged, so that
            padding may be cut or added.
        draft_side: As in ``worker.encoders.base.Encoder``.
        former_revisions: As in ``worker.encoders.base.Encoder``.
    """

    name: str
    revision: str
    dim: int
    preprocess: Callable[[Image.Image], NDArray[np.uint8]]
    tokenize: Callable[[Sequence[str]], NDArray[np.int64]]
    image_size: tuple[int, int]
    context_length: int
    causal: bool
    draft_side: int | None
    former_revisions: tuple[str, ...] = ()

    def without_towers(self) -> ModelFacts:
        """Return the facts alone, which keep no parameters in memory."""
        return ModelFacts(**{field.name: getattr(self, field.name) for field in fields(ModelFacts)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Towers(ModelFacts):
    """A loaded model: two modules that embed images and texts in one space.

    They hold float32 weights on the CPU; a backend (``worker.encoders.backends``)
    places or converts them. Their vectors need not be of unit length.

    Attributes:
        images: uint8 [n, height, width, 3] -> [n, dim]; it includes the normalisation.
        texts: int64 [n, length] -> [n, dim], for each length from 1 to ``context_length`` if
            ``causal``, otherwise for ``context_length`` alone.
    """

    images: nn.Module
    texts: nn.Module

    @classmethod
    def of(cls, model: ModelFacts, images: nn.Module, texts: nn.Module) -> Self:
        """Add the towers to what is known of a model."""
        known = {field.name: getattr(model, field.name) for field in fields(model)}
        return cls(**known, images=images, texts=texts)
