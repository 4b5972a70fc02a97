"""The metrics of several processes, which files add up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest, values

from api.health import shared_metrics
from api.health.request_metrics import RequestMetrics


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the files, while metrics are shared."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    shared_metrics.begin()
    yield Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    shared_metrics.end()


def test_a_file_that_a_process_has_just_created_counts_nothing(folder: Path) -> None:
    metrics = RequestMetrics()
    metrics.count("GET", "/v1/tags", 200, 0.1, 0)
    (folder / "counter_1.db").touch()
    text = generate_latest(metrics.collector()).decode()
    assert 'glimpse_http_requests_total{method="GET",route="/v1/tags",status="200"} 1.0' in text


def test_the_files_go_with_the_service(folder: Path) -> None:
    RequestMetrics().count("GET", "/v1/tags", 200, 0.1, 0)
    assert list(folder.iterdir())
    shared_metrics.end()
    assert not folder.exists()
