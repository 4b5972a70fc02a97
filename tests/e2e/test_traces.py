"""Traces across real processes: one of an upload, and one of a search."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from common.contract import CATALOG_LIST, INGEST_CHUNK, SEARCH_RUN
from tests.conftest import require
from tests.support.otlp_receiver import OtlpReceiver, Span, receiving
from tests.support.pictures import picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Stack, Valkey


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def stack(receiver: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_TRACES_URL": receiver.url,
        # Milliseconds between requests to the receiver.
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with Stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        ready(stack.client)
        yield stack


def caller() -> tuple[str, dict[str, str]]:
    """Return the id of a trace, and the headers of a caller's span in it."""
    trace = secrets.token_hex(16)
    return trace, {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}


def seen(receiver: OtlpReceiver, trace: str, *names: str) -> dict[str, Span]:
    """Wait for spans of a trace, and return them by name."""
    wait_for(
        lambda: set(names) <= {span.name for span in receiver.spans(trace)},
        30,
        f"spans {names}",
    )
    return {span.name: span for span in receiver.spans(trace)}


def test_an_upload_is_one_trace_from_its_request_to_its_outcome(
    stack: Stack, receiver: OtlpReceiver
) -> None:
    trace, headers = caller()
    files = {"file": ("red.png", picture("red"))}
    response = stack.client.post("/v1/images", files=files, headers=headers)
    job = finished_job(stack.client, response.headers["Location"])
    parts = ("claims.take", "decode", "batch.model", "batch.writer", "store.upsert", "jobs.record")
    spans = seen(receiver, trace, "POST /v1/images", INGEST_CHUNK, *parts)
    request, task = spans["POST /v1/images"], spans[INGEST_CHUNK]
    assert (request.service, task.service) == ("glimpse-api", "glimpse-ingest-worker")
    assert request.parent == headers["traceparent"].split("-")[2]
    assert request.attributes["http.response.status_code"] == "202"
    assert request.attributes["glimpse.request_id"] == response.headers["X-Request-ID"]
    assert (task.parent, task.attributes["glimpse.job"]) == (request.id, job["id"])
    assert {spans[name].parent for name in ("claims.take", "decode", "jobs.record")} == {task.id}
    # Batches are linked to the tasks whose images they have.
    assert (spans["batch.model"].parent, spans["batch.model"].links) == (task.id, (task.id,))
    assert spans["batch.writer"].links == (spans["batch.model"].id,)
    assert spans["store.upsert"].parent == spans["batch.writer"].id


def test_a_search_is_one_trace(stack: Stack, receiver: OtlpReceiver) -> None:
    trace, headers = caller()
    wanted = {"Prefer": "wait=30", **headers}
    stack.client.post("/v1/searches", json={"text": "a red sea"}, headers=wanted)
    spans = seen(receiver, trace, "POST /v1/searches", SEARCH_RUN, "batch.texts", "store.search")
    task = spans[SEARCH_RUN]
    assert (task.service, task.parent) == ("glimpse-search-worker", spans["POST /v1/searches"].id)
    assert (spans["batch.texts"].links, spans["store.search"].parent) == ((task.id,), task.id)


def test_a_refused_request_is_a_trace_of_its_own(stack: Stack, receiver: OtlpReceiver) -> None:
    trace, headers = caller()
    stack.client.get("/v1/images?sort=beauty", headers=headers)
    (span,) = seen(receiver, trace, "GET /v1/images").values()
    assert span.attributes["http.response.status_code"] == "422"
    assert CATALOG_LIST not in {span.name for span in receiver.spans(trace)}
