"""The starter encoder: embeds pictures and sentences in one space, without CLIP.

It consists entirely of Python packages, for machines without access to a model hub.
A classifier finds the classes that a picture shows, and a sentence model embeds the
names of those classes: ConSE (Norouzi et al., ICLR 2014). It knows only the 1000
classes of ImageNet and mixtures of them, so it is much weaker than CLIP.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from worker.encoders.compute import Compute
from worker.encoders.crop import centre_square
from worker.encoders.starter.imagenet import SIZE, ImageNetClassifier, class_texts
from worker.encoders.starter.sentences import SENTENCE_DIM, SentenceModel
from worker.encoders.vectors import no_rows, unit_rows

# Classes that form a picture's vector (the paper tries 1 to 100; 10 to 50 are equal here).
_CLASSES_PER_IMAGE = 20

# Divisor of the logits. The classifier was trained to be confident of one class; a higher
# temperature adds weight to similar classes, from which the vector is formed.
_TEMPERATURE = 1.5

# A common start of queries, without information: every picture is a picture of something.
_PREAMBLE = re.compile(
    r"^\s*((a|an|the)\s+)?(photo|photograph|picture|image)s?\s+(of|showing)\s+(?=\S)", re.IGNORECASE
)


class StarterEncoder:
    """EfficientNet-Lite2 and MiniLM combined by ConSE; see ``worker.encoders.base.Encoder``.

    Args:
        compute: The device and precision.
        cache_dir: Folder in which to cache the classes' vectors.
    """

    name = "starter"
    # Increment with every change of a vector: a package, a constant, a class's text.
    revision = "conse-1"
    former_revisions: tuple[str, ...] = ()
    dim = SENTENCE_DIM
    # Full size: small changes of a picture can change its most likely classes.
    draft_side: int | None = None

    def __init__(self, compute: Compute, cache_dir: Path) -> None:
        # Resizes the short side and crops the centre: uint8 [260, 260, 3]. Unlike in the
        # classifier's own evaluation, the margin is not cropped further, so that searches also
        # find objects at the edge. An attribute: a bound method would be pickled with the models.
        self.preprocess = partial(centre_square, size=SIZE)
        self.device = compute.device.type
        self.concurrency = compute.concurrency
        self.precision = compute.precision
        self.runs_on = compute.runs_on
        self._sentences = SentenceModel(compute)
        self._classifier = ImageNetClassifier(compute)
        classes = self._sentences.embed_once(class_texts(), cache_dir)
        # All sentences share a direction; subtracting it makes them more distinct.
        self._centre = classes.mean(dim=0)
        apart = nn.functional.normalize(classes - self._centre, dim=-1)
        self._classes = apart.to(compute.device)  # [1000, 384]

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed preprocessed pictures: float32 [len(images), 384], unit rows."""
        if not images:
            return no_rows(self.dim)
        return unit_rows(self._join(self._classifier.logits(images)).cpu().numpy())

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences: float32 [len(texts), 384], unit rows."""
        if not texts:
            return no_rows(self.dim)
        vectors = self._sentences.embed([_PREAMBLE.sub("", text) for text in texts])
        return unit_rows((vectors - self._centre).numpy())

    def _join(self, logits: torch.Tensor) -> torch.Tensor:
        """Average the most likely classes' vectors: float32 [n, 1000] -> float32 [n, 384]."""
        likely = (logits / _TEMPERATURE).softmax(dim=-1).topk(_CLASSES_PER_IMAGE)
        vectors = self._classes[likely.indices]  # [n, 20, 384]
        return (likely.values.unsqueeze(-1) * vectors).sum(dim=1)
