"""Fixtures of the quick benchmarks."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run models in one thread: torch compiles them once again for each number of threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
