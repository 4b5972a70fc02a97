"""EfficientNet-Lite2 in plain torch, for the weights of its package.

It matches timm's ``tf_efficientnet_lite2``, whose import takes longer than reading the weights
(tests/integration/test_starter.py compares them).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

# Blocks of each stage, and the stride of its first one.
_STAGES = ((1, 1), (3, 2), (3, 2), (4, 2), (4, 1), (5, 2), (1, 1))

# Added to a batch norm's variance, as in TensorFlow.
_EPSILON = 1e-3


def efficientnet_lite2(published: Mapping[str, torch.Tensor]) -> nn.Sequential:
    """Return the classifier: float32 [n, 3, side, side] -> [n, 1000].

    Each batch norm is folded into the convolution before it, which saves a third of the time.

    Args:
        published: The weights, in the order of computation; their names are not used.

    Raises:
        StopIteration: There are too few.
    """
    tensors = iter(published.values())
    layers: list[nn.Module] = [_convolution(tensors, 2), nn.ReLU6(inplace=True)]
    for stage, (blocks, stride) in enumerate(_STAGES):
        layers += [
            _block(tensors, 1 if number else stride, expands=stage > 0) for number in range(blocks)
        ]
    layers += [_convolution(tensors, 1), nn.ReLU6(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), _linear(tensors))


class _Block(nn.Sequential):
    """Layers whose input is added to their output, if it has the same shape."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return y + x if y.shape == x.shape else y


class _Strided(nn.Conv2d):
    """A convolution with TensorFlow's padding: a pixel more at the end, if the number is odd."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        side, stride = x.shape[-1], self.stride[0]
        padding = max((math.ceil(side / stride) - 1) * stride + self.kernel_size[0] - side, 0)
        before, after = padding // 2, padding - padding // 2
        return super().forward(nn.functional.pad(x, (before, after, before, after)))


def _block(tensors: Iterator[torch.Tensor], stride: int, *, expands: bool) -> _Block:
    """Return a pointwise, a depthwise and a pointwise convolution, the first only if it expands."""
    layers: list[nn.Module] = []
    if expands:
        layers += [_convolution(tensors, 1), nn.ReLU6(inplace=True)]
    layers += [_convolution(tensors, stride), nn.ReLU6(inplace=True)]
    return _Block(*layers, _convolution(tensors, 1))


def _convolution(tensors: Iterator[torch.Tensor], stride: int) -> nn.Conv2d:
    """Return the next convolution, with its batch norm folded in."""
    kernel = next(tensors)  # [outputs, inputs per group, side, side]
    scale, shift, mean, variance, _batches = (next(tensors) for _ in range(5))
    outputs, inputs, side, _ = kernel.shape
    groups = outputs if inputs == 1 else 1
    kind, padding = (nn.Conv2d, side // 2) if stride == 1 else (_Strided, 0)
    layer = kind(inputs * groups, outputs, side, stride, padding, groups=groups)
    weight, bias = fuse_conv_bn_weights(kernel, None, mean, variance, _EPSILON, scale, shift)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def _linear(tensors: Iterator[torch.Tensor]) -> nn.Linear:
    weight, bias = next(tensors), next(tensors)
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer
