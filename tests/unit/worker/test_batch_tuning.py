"""The search for a model's fastest batch size, on models with known timing."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.encoders.hashing import HashingEncoder
from worker.ingest.batch_tuning import Tuned, measurement_of, tune, tuned_once
from worker.measurement import Measurement


class Model:
    """A model with a fixed time per batch, plus a time per picture.

    Args:
        batch_s: Seconds that a batch takes, whatever its size.
        picture_s: Seconds for each picture of a batch up to ``knee``.
            knee: Batch size above which each further picture takes ten times as long.
    """

    def __init__(self, batch_s: float, picture_s: float, knee: int = 10_000) -> None:
        self._batch_s = batch_s
        self._picture_s = picture_s
        self._knee = knee
        self.now = 0.0
        self.sizes: list[int] = []

    def encode(self, size: int) -> None:
        self.sizes.append(size)
        late = max(0, size - self._knee)
        self.now += self._batch_s + self._picture_s * (size + 9 * late)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("model", "batch_max"),
    [
        # A CPU gains nothing from batches, so the smallest size wins.
        (Model(batch_s=0.0, picture_s=0.01), 4),
        # On a GPU, starting a batch takes most of the time.
        (Model(batch_s=0.01, picture_s=0.00001), 256),
        # A cache that overflows above 32 pictures.
        (Model(batch_s=0.01, picture_s=0.001, knee=32), 32),
    ],
)
def test_it_finds_the_best_batch(model: Model, batch_max: int) -> None:
    assert tune(model.encode, clock=model.clock).batch_max == batch_max


def test_it_tells_the_rate_at_that_batch() -> None:
    model = Model(batch_s=0.0, picture_s=0.01)
    assert tune(model.encode, clock=model.clock).rate_per_s == pytest.approx(100)


def test_a_slow_model_is_not_measured_for_long() -> None:
    model = Model(batch_s=0.0, picture_s=0.5)
    tune(model.encode, clock=model.clock)
    assert max(model.sizes) == 4


def test_a_model_that_takes_no_time_is_no_problem() -> None:
    assert tune(lambda _: None, clock=lambda: 0.0).batch_max == 256


@pytest.mark.parametrize(("largest", "batch_max"), [(64, 64), (100, 64), (3, 3), (1, 1)])
def test_no_batch_is_larger_than_can_be_filled(largest: int, batch_max: int) -> None:
    model = Model(batch_s=0.01, picture_s=0.00001)
    assert tune(model.encode, largest, model.clock).batch_max == batch_max


def test_a_tuning_is_measured_once(tmp_path: Path) -> None:
    measurement = measurement_of(HashingEncoder(), 64, tmp_path)
    first = tuned_once(measurement, lambda: Tuned(16, 40.5))
    assert tuned_once(measurement, lambda: Tuned(32, 50.5)) == first == Tuned(16, 40.5)


@pytest.mark.parametrize(
    "kept", ["", "[]", "{}", '{"batch_max": 0, "rate_per_s": 1}', '{"batch_max": "8 or so"}']
)
def test_a_damaged_tuning_is_measured_again(tmp_path: Path, kept: str) -> None:
    measurement = Measurement(tmp_path / "tuning.json")
    measurement.file.write_text(kept)
    assert tuned_once(measurement, lambda: Tuned(16, 40.5)) == Tuned(16, 40.5)
    assert tuned_once(measurement, lambda: Tuned(32, 50.5)) == Tuned(16, 40.5)


def test_another_model_or_limit_is_measured_on_its_own(tmp_path: Path) -> None:
    changed = {"name": "other", "revision": "2", "precision": "bf16", "concurrency": 2}
    encoders = [HashingEncoder() for _ in changed]
    for encoder, (name, value) in zip(encoders, changed.items(), strict=True):
        setattr(encoder, name, value)
    on_two_threads = HashingEncoder()
    on_two_threads.runs_on = "two threads"
    files = {measurement_of(encoder, 64, tmp_path).file for encoder in [*encoders, on_two_threads]}
    files |= {measurement_of(HashingEncoder(), largest, tmp_path).file for largest in (32, 64)}
    assert len(files) == len(changed) + 3
