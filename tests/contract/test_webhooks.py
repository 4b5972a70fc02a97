"""Contract tests for webhooks: Valkey, Redis, and memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from common.errors import NotFound
from common.jobs.base import Job, JobRecords
from common.jobs.memory import MemoryJobs
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from common.webhooks.base import ATTEMPTS_KEPT, OVERLAP_S, Attempt, Claim, Webhooks
from common.webhooks.memory import MemoryWebhooks
from common.webhooks.redis import RedisWebhooks
from tests.support.job_records import outcome

URL, OTHER = "https://example.com/hook", "https://example.org/other"
LEASE_S = 60.0
FAILED = Attempt(at=1.5, ms=20, status=500, error="The receiver answered 500.")
SENT = Attempt(at=2.5, ms=10, status=204)


@dataclass
class Bench:
    """Jobs, and the webhooks that they leave."""

    jobs: JobRecords
    webhooks: Webhooks
    # The names of all keys in Redis.
    redis_keys: Callable[[], set[str]]

    def job(self, total: int = 1, tenant: str = "default", **fields: object) -> Job:
        """Return a job that is not accepted."""
        fields = {"callback_url": URL, **fields}
        job = Job(uuid.uuid4().hex, tenant, total, time.time(), **fields)  # type: ignore[arg-type]
        self.jobs.create(job, [(f"{n:064x}", f"{n}.jpg") for n in range(total)])
        return job

    def ended(self, **fields: object) -> Job:
        """Return a job that has ended."""
        job = self.job(**fields)  # type: ignore[arg-type]
        self.jobs.accept(job.id)
        self.jobs.record(job.id, [outcome(0)])
        return job

    def claim(self, later_s: float = 1.0) -> Claim | None:
        return self.webhooks.claim(time.time() + later_s, LEASE_S)

    def claimed(self, later_s: float = 1.0) -> Claim:
        claim = self.claim(later_s)
        assert claim is not None
        return claim


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        webhooks = MemoryWebhooks()
        yield Bench(MemoryJobs(webhooks=webhooks), webhooks, set)
        return
    with connect(request.getfixturevalue(request.param).url) as redis:
        redis.flushdb()
        yield Bench(RedisJobs(redis, ttl_s=600), RedisWebhooks(redis), lambda: set(redis.keys()))


def test_a_job_that_ends_leaves_a_delivery(bench: Bench) -> None:
    job = bench.job(total=2)
    bench.jobs.accept(job.id)
    bench.jobs.record(job.id, [outcome(0)])
    assert bench.claim() is None
    bench.jobs.record(job.id, [outcome(1)])
    delivery = bench.webhooks.get("default", job.id)
    finished_at = bench.jobs.get(job.id).finished_at
    assert (delivery.url, delivery.state, delivery.tries) == (URL, "pending", 0)
    assert delivery.created_at == delivery.due_at == delivery.since == finished_at
    assert bench.claimed().delivery.id == job.id


def test_a_repeated_outcome_leaves_no_second_delivery(bench: Bench) -> None:
    job = bench.ended()
    bench.webhooks.settle(bench.claimed(), SENT, "delivered")
    bench.jobs.record(job.id, [outcome(0)])
    bench.jobs.accept(job.id)
    assert bench.claim(1000) is None


def test_a_job_that_ends_before_it_is_accepted_leaves_one_then(bench: Bench) -> None:
    job = bench.job()
    bench.jobs.record(job.id, [outcome(0)])
    assert bench.claim() is None
    bench.jobs.accept(job.id)
    assert bench.claimed().delivery.id == job.id


def test_a_cancelled_job_leaves_one(bench: Bench) -> None:
    job = bench.job(total=3)
    bench.jobs.accept(job.id)
    bench.jobs.begin(job.id, [1])
    bench.jobs.cancel(job.id)
    assert bench.claim() is None
    bench.jobs.record(job.id, [outcome(1)])
    assert bench.claimed().delivery.id == job.id


def test_a_job_that_is_cut_short_leaves_one(bench: Bench) -> None:
    job = bench.job(total=0, growing=True)
    bench.jobs.accept(job.id)
    bench.jobs.cancel(job.id)
    assert bench.claimed().delivery.id == job.id


def test_an_open_job_leaves_one_once_it_is_complete(bench: Bench) -> None:
    job = bench.job(total=0, growing=True, opened=True)
    bench.jobs.accept(job.id)
    bench.jobs.add(job.id, [("0" * 64, "a.jpg")])
    bench.jobs.record(job.id, [outcome(0)])
    assert bench.claim() is None
    bench.jobs.complete(job.id)
    assert bench.claimed().delivery.id == job.id


def test_an_idle_open_job_leaves_one(bench: Bench) -> None:
    job = bench.job(total=0, growing=True, opened=True)
    bench.jobs.accept(job.id)
    assert bench.jobs.close_idle(0) == 1
    assert bench.jobs.get(job.id).finished_at is not None
    assert bench.claimed().delivery.id == job.id


def test_a_job_without_a_url_leaves_nothing(bench: Bench) -> None:
    bench.ended(callback_url=None)
    assert bench.claim(1000) is None
    assert not {key for key in bench.redis_keys() if "webhooks" in key or "delivery" in key}


def test_a_tenants_url_is_for_its_jobs_without_one(bench: Bench) -> None:
    bench.webhooks.put_default("acme", OTHER)
    assert bench.webhooks.defaults()["acme"] == OTHER
    urls = {}
    for tenant, url in [("acme", None), ("acme", URL), ("globex", None)]:
        job = bench.ended(tenant=tenant, callback_url=url)
        urls[job.id] = OTHER if url is None else url
        if tenant == "globex":
            del urls[job.id]
    bench.webhooks.put_default("acme", None)
    assert "acme" not in bench.webhooks.defaults()
    bench.ended(tenant="acme", callback_url=None)
    found = [bench.claimed().delivery for _ in urls]
    assert {delivery.id: delivery.url for delivery in found} == urls
    assert bench.claim() is None


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_ends(bench: Bench) -> None:
    job = bench.ended()
    first = bench.claimed()
    assert bench.claim(LEASE_S - 1) is None
    second = bench.claimed(LEASE_S + 2)
    assert (second.delivery.id, second.delivery.attempts) == (job.id, ())
    # The first sender lost it, and changes nothing.
    assert not bench.webhooks.settle(first, FAILED, "failed")
    assert bench.webhooks.settle(second, SENT, "delivered")
    delivery = bench.webhooks.get("default", job.id)
    assert (delivery.state, delivery.due_at, delivery.attempts) == ("delivered", None, (SENT,))
    assert bench.claim(1000) is None


def test_concurrent_senders_share_the_deliveries(bench: Bench) -> None:
    ids = {bench.ended(tenant=f"tenant{n % 3}").id for n in range(30)}
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda _: bench.claim(), range(40)))
    # A sender whose time is older than another's last turn finds nothing for a moment.
    claims += iter(bench.claim, None)
    found = [claim.delivery.id for claim in claims if claim]
    assert sorted(found) == sorted(ids)


def test_tenants_take_turns(bench: Bench) -> None:
    for tenant in ("busy", "busy", "busy", "quiet"):
        bench.ended(tenant=tenant)
    taken = [bench.claimed(1 + n).delivery.tenant for n in range(4)]
    assert taken == ["busy", "quiet", "busy", "busy"]


def test_a_failed_delivery_is_due_again_when_it_should(bench: Bench) -> None:
    job = bench.ended()
    at = time.time() + 500
    bench.webhooks.settle(bench.claimed(), FAILED, "pending", at)
    delivery = bench.webhooks.get("default", job.id)
    assert (delivery.state, delivery.tries, delivery.attempts) == ("pending", 1, (FAILED,))
    assert delivery.due_at == pytest.approx(at)
    assert bench.claim(490) is None
    again = bench.claimed(510)
    assert (again.delivery.tries, again.delivery.attempts) == (1, (FAILED,))


def test_the_last_attempts_are_kept(bench: Bench) -> None:
    job = bench.ended()
    for number in range(ATTEMPTS_KEPT + 5):
        attempt = FAILED.model_copy(update={"ms": number})
        bench.webhooks.settle(bench.claimed(), attempt, "pending", time.time())
    delivery = bench.webhooks.get("default", job.id)
    assert delivery.tries == ATTEMPTS_KEPT + 5
    assert [each.ms for each in delivery.attempts] == list(range(5, ATTEMPTS_KEPT + 5))


@pytest.mark.parametrize("state", ["delivered", "failed"])
def test_a_replay_begins_again(bench: Bench, state: str) -> None:
    job = bench.ended()
    bench.webhooks.settle(bench.claimed(), FAILED, state)  # type: ignore[arg-type]
    now = time.time() + 100
    again = bench.webhooks.replay("default", job.id, now)
    assert (again.state, again.tries, again.attempts) == ("pending", 0, (FAILED,))
    assert again.since == again.due_at == pytest.approx(now)
    claim = bench.claimed(101)
    # One that is being sent is not sent a second time meanwhile.
    assert bench.webhooks.replay("default", job.id, now + 1).due_at == pytest.approx(
        claim.delivery.due_at
    )
    assert bench.claim(102) is None
    assert bench.webhooks.settle(claim, SENT, "delivered")


def test_deliveries_are_their_tenants(bench: Bench) -> None:
    job = bench.ended(tenant="acme")
    for call in (
        lambda: bench.webhooks.get("globex", job.id),
        lambda: bench.webhooks.replay("globex", job.id, time.time()),
        lambda: bench.webhooks.get("acme", "0" * 32),
        lambda: bench.webhooks.replay("acme", "0" * 32, time.time()),
    ):
        with pytest.raises(NotFound, match="no delivery"):
            call()
    assert bench.webhooks.page("globex", None, 10) == ([], None)


def test_deliveries_are_listed_newest_first_by_state(bench: Bench) -> None:
    ids = [bench.ended().id for _ in range(5)]
    claim = bench.claimed()
    bench.webhooks.settle(claim, SENT, "delivered")
    listed, cursor = [], None
    while True:
        page, cursor = bench.webhooks.page("default", None, 2, cursor)
        listed += [delivery.id for delivery in page]
        if cursor is None:
            break
    created = {name: bench.webhooks.get("default", name).created_at for name in ids}
    assert listed == sorted(ids, key=lambda name: (created[name], name), reverse=True)
    (delivered,), _ = bench.webhooks.page("default", "delivered", 10)
    assert delivered.id == claim.delivery.id
    assert len(bench.webhooks.page("default", "pending", 10)[0]) == 4


def test_two_secrets_are_valid_during_a_rotation(bench: Bench) -> None:
    assert bench.webhooks.secrets("acme", 0) == []
    first = bench.webhooks.rotate("acme", 1000)
    assert first.text.startswith("whsec_")
    assert bench.webhooks.secrets("acme", 10**9) == [first]
    second = bench.webhooks.rotate("acme", 2000)
    assert bench.webhooks.secrets("acme", 2000 + OVERLAP_S - 1) == [second, first]
    assert bench.webhooks.secrets("acme", 2000 + OVERLAP_S) == [second]
    third = bench.webhooks.rotate("acme", 3000)
    assert bench.webhooks.secrets("acme", 3001) == [third, second]
    assert bench.webhooks.secrets("globex", 3001) == []
