"""Noise thresholds: those of the settings, else those measured for the model and its revision."""

from __future__ import annotations

from common.contract import NoiseThreshold
from common.settings import Settings
from worker.encoders.hashing import HashingEncoder
from worker.encoders.noise import noise_of


def model(name: str, revision: str) -> HashingEncoder:
    encoder = HashingEncoder()
    encoder.name, encoder.revision = name, revision
    return encoder


def test_measured_thresholds_are_those_of_a_revision() -> None:
    measured = noise_of(model("starter", "conse-1"), Settings())
    assert measured == NoiseThreshold(text=0.2, image=0.42)
    assert noise_of(model("starter", "conse-2"), Settings()) == NoiseThreshold()
    assert noise_of(model("ViT-B/32", "1"), Settings()) == NoiseThreshold()


def test_settings_take_precedence_one_by_one() -> None:
    starter = model("starter", "conse-1")
    assert noise_of(starter, Settings(noise_text=0)) == NoiseThreshold(text=0, image=0.42)
    both = Settings(noise_text=-1, noise_image=1)
    assert noise_of(model("ViT-B/32", "1"), both) == NoiseThreshold(text=-1, image=1)
