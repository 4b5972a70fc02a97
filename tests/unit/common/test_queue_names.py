"""The names of queues, which API and workers of different versions must agree on."""

from __future__ import annotations

from common.broker.names import (
    SHARES,
    is_first,
    purpose_of,
    queue_for,
    queue_of,
    queues_of,
    share_of,
)
from common.contract import (
    CATALOG_QUEUE,
    INGEST_QUEUE,
    PURPOSES,
    SEARCH_QUEUE,
    CatalogRequest,
    ChunkItem,
    IngestArchive,
    IngestChunk,
)

MODEL = "ViT-B/32"


def chunk(tenant: str) -> IngestChunk:
    item = ChunkItem(index=0, id="0" * 64, filename="a.png")
    return IngestChunk(job_id="0" * 32, tenant=tenant, items=[item])


def test_every_queue_that_is_sent_to_is_read() -> None:
    known = queues_of(INGEST_QUEUE, [None, MODEL])
    for number in range(200):
        for first in (True, False):
            assert queue_for(INGEST_QUEUE, MODEL, chunk(f"t{number}"), first=first) in known
    assert queue_for(INGEST_QUEUE, None, chunk("a"), first=True) in known
    question = CatalogRequest(ids=["0" * 64])
    for purpose in (SEARCH_QUEUE, CATALOG_QUEUE):
        assert queue_for(purpose, MODEL, question) in queues_of(purpose, [MODEL])


def test_the_queue_of_older_versions_is_read() -> None:
    assert queue_of(INGEST_QUEUE, MODEL) in queues_of(INGEST_QUEUE, [MODEL])


def test_all_of_a_tenants_backlog_is_in_one_queue() -> None:
    archive = IngestArchive(
        job_id="0" * 32, tenant="acme", id="0" * 64, format="zip", filename="a.zip"
    )
    name = f"ingest.{share_of('acme')}@{MODEL}"
    assert {queue_for(INGEST_QUEUE, MODEL, each) for each in (chunk("acme"), archive)} == {name}


def test_tenants_spread_over_all_shares() -> None:
    assert {share_of(f"tenant-{number}") for number in range(500)} == set(range(SHARES))


def test_a_tenants_share_never_changes() -> None:
    """Versions that disagreed would still work, but a backlog would have two turns."""
    assert [share_of(name) for name in ("default", "acme", "globex")] == [15, 14, 10]


def test_a_name_tells_its_purpose() -> None:
    for purpose in PURPOSES:
        for name in queues_of(purpose, [None, MODEL, "a.b@c"]):
            assert purpose_of(name) == purpose
    first = [name for name in queues_of(INGEST_QUEUE, [None, MODEL]) if is_first(name)]
    assert first == [f"ingest.first@{MODEL}"]
