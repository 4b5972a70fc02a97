"""Noise: the scores of a model below which its hits have nothing to do with the query."""

from __future__ import annotations

from common.contract import NoiseThreshold
from common.settings import Settings
from worker.encoders.base import Encoder

# Measured thresholds by name and revision, since other weights have other scores
# (docs/decisions/0048-noise-threshold.md). `make bench PHOTOS=DIR MODEL=NAME` measures any model.
_MEASURED = {("starter", "conse-1"): NoiseThreshold(text=0.2, image=0.42)}


def noise_of(encoder: Encoder, settings: Settings) -> NoiseThreshold:
    """Return a model's thresholds: those of the settings, else measured ones, else None."""
    measured = _MEASURED.get((encoder.name, encoder.revision), NoiseThreshold())
    text, image = settings.noise_text, settings.noise_image
    return NoiseThreshold(
        text=measured.text if text is None else text,
        image=measured.image if image is None else image,
    )
