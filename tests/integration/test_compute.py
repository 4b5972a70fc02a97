"""How the cores of a processor are divided among a model's batches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from common.errors import InvalidSettings
from common.settings import Settings
from worker.encoders import compute
from worker.encoders.compute import Compute


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Simulate a machine with eight cores; restore torch's thread count afterwards."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(compute, "_CORES", 8)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("settings", "batches", "threads"),
    [
        ({}, 4, 2),
        ({"torch_threads": 4}, 2, 4),
        ({"torch_threads": 16}, 1, 16),
        ({"model_threads": 8}, 8, 1),
        ({"model_threads": 16}, 16, 1),
        ({"model_threads": 3, "torch_threads": 2}, 3, 2),
    ],
)
def test_bulk_shares_the_cores_among_batches(
    settings: dict[str, int], batches: int, threads: int
) -> None:
    chosen = Compute.choose(Settings(device="cpu", **settings), bulk=True)
    assert (chosen.concurrency, torch.get_num_threads()) == (batches, threads)


def test_one_that_is_soon_done_has_all_the_cores() -> None:
    chosen = Compute.choose(Settings(device="cpu", model_threads=4))
    assert (chosen.concurrency, torch.get_num_threads()) == (1, 8)


@pytest.mark.parametrize("name", ["gpu", "cuda:first"])
def test_a_device_that_is_none_is_refused_in_words(name: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Compute.choose(Settings(device=name))
    assert str(caught.value) == (
        f"GLIMPSE_DEVICE={name} is no device; set it to auto, cpu, cuda, or cuda:1 for the second"
        " GPU."
    )
