"""Towers in OpenVINO's form, as the cache keeps them; reading them needs no torch."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.encoders.file_digests import FileDigests
from worker.encoders.towers import ModelFacts

log = logging.getLogger(__name__)

# Raised with every change to the towers' code or to the conversion that affects a vector.
FORM = 1

# The towers' names, which are also those of their files.
TOWERS = ("images", "texts")

# Lengths in tokens that short texts are padded to.
_SHORT_LENGTHS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48)

# File with the SHA-256 of each other file of a conversion.
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Converted:
    """Both towers in OpenVINO's form, in float32: bytes or tokens -> [n, dim].

    Attributes:
        images: The image tower.
        texts: The text tower.
        folder: Where they are kept; None if they could not be.
    """

    images: Any
    texts: Any
    folder: Path | None = None


def text_lengths(model: ModelFacts) -> tuple[int, ...]:
    """Return the lengths that texts are padded to; OpenVINO plans each of them separately.

    A batch takes as long as its longest text, and most searches have a few words. To plan a length
    for one size of batch takes about 4 ms, once, and 0.1 MiB.
    """
    if not model.causal:
        return (model.context_length,)
    short = [length for length in _SHORT_LENGTHS if length < model.context_length]
    return (*short, model.context_length)


def padded(tokens: NDArray[np.int64], lengths: Sequence[int]) -> NDArray[np.int64]:
    """Pad texts with zeros to the next of the lengths: int64 [n, length]."""
    missing = next(length for length in lengths if length >= tokens.shape[1]) - tokens.shape[1]
    return np.pad(tokens, ((0, 0), (0, missing))) if missing else tokens


def is_whole(folder: Path, digests: FileDigests) -> bool:
    """Return whether a conversion is complete and undamaged.

    Raises:
        OSError: The folder cannot be read.
    """
    try:
        sums = json.loads((folder / MANIFEST).read_text())
        whole = all(digests.sha256_of(folder / name) == digest for name, digest in sums.items())
    except FileNotFoundError:
        return False
    except (ValueError, AttributeError):
        whole = False
    if not whole:
        log.warning("encoder.conversion_damaged path=%s", folder)
    return whole


def read(core: Any, folder: Path) -> Converted:
    """Map a conversion's files into memory.

    Args:
        core: OpenVINO's ``Core``.
        folder: The conversion, which is whole.

    Raises:
        OSError: OpenVINO could not read it.
    """
    try:
        images, texts = (core.read_model(folder / f"{name}.xml") for name in TOWERS)
    except RuntimeError as error:
        raise OSError(f"OpenVINO could not read the model: {error}") from error
    return Converted(images, texts, folder)
