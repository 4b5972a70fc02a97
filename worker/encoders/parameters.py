"""What a model is known by: the digest of its parameters, whatever file they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch

# Hexadecimal digits: enough to distinguish models, and short enough to read.
_DIGITS = 12

# Ends of the names of values that no vector depends on.
_IRRELEVANT = ("logit_scale", "logit_bias", "num_batches_tracked")


def digest_of(parameters: Mapping[str, torch.Tensor]) -> str:
    """Return the revision of a model: 12 hexadecimal digits of a SHA-256.

    It covers each value's name, shape and float32 numbers, so that weights published in
    fp16 and the same weights stored in fp32 are one model, and the order in a file is irrelevant.

    Args:
        parameters: A module's ``state_dict``, before its precision is lowered.
    """
    digest = hashlib.sha256()
    for name in sorted(parameters):
        if not name.endswith(_IRRELEVANT):
            values = parameters[name].detach().cpu().float().contiguous()
            digest.update(f"{name}{list(values.shape)}".encode())
            digest.update(values.numpy().data)
    return digest.hexdigest()[:_DIGITS]
