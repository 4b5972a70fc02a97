"""Towers: a loaded model of images and texts, independent of what runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn


@dataclass(frozen=True, slots=True)
class Towers:
    """Two modules that embed images and texts in one space, and how to make their inputs.

    The modules hold float32 weights on the CPU; a backend (``worker.encoders.backends``)
    places or converts them. Their vectors need not be of unit length.

    Attributes:
        name: As in the settings, for example "ViT-B/32".
        revision: The digest of the parameters (``worker.encoders.parameters``).
        dim: Length of a vector.
        images: uint8 [n, height, width, 3] -> [n, dim]; it includes the normalisation.
        texts: int64 [n, length] -> [n, dim], for each length from 1 to ``context_length`` if
            ``causal``, otherwise for ``context_length`` alone.
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
    images: nn.Module
    texts: nn.Module
    preprocess: Callable[[Image.Image], NDArray[np.uint8]]
    tokenize: Callable[[Sequence[str]], NDArray[np.int64]]
    image_size: tuple[int, int]
    context_length: int
    causal: bool
    draft_side: int | None
    former_revisions: tuple[str, ...] = ()
