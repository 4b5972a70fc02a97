"""The documentation lists the metrics that there are, and the workers' instruments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse

from common.contract import Failure, Message, Outcome, SearchResult
from common.errors import InvalidSettings, StoreUnavailable
from common.settings import load_settings
from tests.support.inline import start_inline
from tests.support.services import free_port
from worker.batcher import Batcher
from worker.metrics.exposition import expose
from worker.metrics.instruments import WorkerMetrics
from worker.metrics.measured import counted_chores, measured_task
from worker.upkeep.turn import TurnLost, no_check
from worker.wrapped import timed, wrapped

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics()


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_documentation_lists_every_metric_and_no_other(metrics: WorkerMetrics) -> None:
    inline = start_inline(load_settings({}))
    try:
        client: FlaskClient = inline.app.test_client()
        families = [*parse(client.get("/metrics").text), *metrics.registry.collect()]
    finally:
        inline.close()
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in families
        if family.name.startswith("glimpse_")
    }
    text = (DOCS / "operations.md").read_text()
    section = text.partition("\n### Metrics\n")[2].partition("\n### ")[0]
    assert set(re.findall(r"`(glimpse_\w+)", section)) == names


def test_no_instrument_is_in_the_global_registry(metrics: WorkerMetrics) -> None:
    assert WorkerMetrics().registry is not metrics.registry
    metrics.batch("model", 3, 0.5)
    assert value(metrics, "glimpse_batch_items_sum", stage="model") == 3
    assert value(WorkerMetrics(), "glimpse_batch_items_sum", stage="model") is None


def test_only_the_named_methods_are_wrapped() -> None:
    class Store:
        rows = 3

        def read(self, key: str, *, twice: bool = False) -> str:
            return key * 2 if twice else key

        def fail(self) -> None:
            raise StoreUnavailable("no answer")

    seconds: list[float] = []
    store = wrapped(Store(), read=timed(seconds.append), fail=timed(seconds.append))
    assert (store.read("a", twice=True), store.rows) == ("aa", 3)
    with pytest.raises(StoreUnavailable, match="no answer"):
        store.fail()
    assert len(seconds) == 2
    with pytest.raises(AttributeError, match="columns"):
        _ = store.columns  # type: ignore[attr-defined]


def test_attempts_are_counted_by_result(metrics: WorkerMetrics) -> None:
    answers: list[Message | Exception] = [
        SearchResult(encoder="m", took_ms=1),
        SearchResult(encoder="m", took_ms=1, error=Failure(code="no_threshold", detail="")),
        StoreUnavailable("no answer"),
        ZeroDivisionError(),
    ]

    def run() -> Message:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    task = measured_task("search.run", run, metrics)
    for error in (None, None, StoreUnavailable, ZeroDivisionError):
        if error is None:
            task()
        else:
            with pytest.raises(error):
                task()
    for result in ("ok", "no_threshold", StoreUnavailable.code, "fault"):
        labels = {"task": "search.run", "result": result}
        assert value(metrics, "glimpse_task_attempts_total", **labels) == 1
    assert value(metrics, "glimpse_task_seconds_count", task="search.run") == 4


def test_chores_count_what_they_find(metrics: WorkerMetrics) -> None:
    def lose() -> None:
        raise TurnLost("another worker")

    def fail() -> None:
        raise StoreUnavailable("no answer")

    chores = counted_chores(
        {
            "recover": lambda _: 3,
            "recount": lambda _: None,
            "sweep": lambda _: fail(),
            "trim": lambda _: lose(),
        },
        metrics,
    )
    chores["recover"](no_check)
    chores["recount"](no_check)
    with pytest.raises(StoreUnavailable):
        chores["sweep"](no_check)
    with pytest.raises(TurnLost):
        chores["trim"](no_check)
    found = {name: value(metrics, "glimpse_upkeep_found_total", chore=name) for name in chores}
    failed = {name: value(metrics, "glimpse_upkeep_failures_total", chore=name) for name in chores}
    assert found == {"recover": 3, "recount": 0, "sweep": 0, "trim": 0}
    assert failed == {"recover": 0, "recount": 0, "sweep": 1, "trim": 0}


def test_outcomes_are_counted_by_code(metrics: WorkerMetrics) -> None:
    ids = ["0" * 64, "1" * 64, "2" * 64]
    metrics.ended(
        [
            Outcome(index=0, id=ids[0], state="indexed"),
            Outcome(index=1, id=ids[1], state="failed", code="not_an_image", detail="a text"),
            Outcome(index=2, id=ids[2], state="failed", code="not_an_image", detail="another"),
        ]
    )
    assert value(metrics, "glimpse_images_total", outcome="indexed", code="") == 1
    assert value(metrics, "glimpse_images_total", outcome="failed", code="not_an_image") == 2


def test_a_batcher_reports_its_batches() -> None:
    reports: list[tuple[str, int, float]] = []
    batcher: Batcher[int, int] = Batcher(
        "model",
        lambda items: items,
        batch_max=2,
        wait_ms=0,
        queue_max=4,
        on_batch=lambda *report: reports.append(report),
    )
    for future in batcher.submit_many([1, 2]):
        future.result()
    batcher.close()
    assert [(name, items) for name, items, _ in reports] == [("model", 2)]
    assert reports[0][2] >= 0


def test_a_port_that_is_taken_stops_a_worker_with_an_explanation() -> None:
    settings = load_settings({"GLIMPSE_METRICS_BIND": str(free_port())})
    expose(CollectorRegistry(), settings)
    with pytest.raises(InvalidSettings, match="Each worker on a machine needs a port of its own"):
        expose(CollectorRegistry(), settings)
