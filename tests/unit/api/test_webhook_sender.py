"""The sender, with a real receiver and a clock that the tests set."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from standardwebhooks.webhooks import Webhook

from api.webhooks.pauses import FIRST_PAUSE_S, PAUSE_S_MAX, pause_s
from api.webhooks.sender import Sender
from common.jobs.base import Job
from common.jobs.memory import MemoryJobs
from common.settings import load_settings
from common.webhooks.base import Delivery
from common.webhooks.memory import MemoryWebhooks
from tests.support.job_records import outcome
from tests.support.receiver import Receiver, status

DAY_S = 86_400
TENANT = "acme"


@dataclass
class ShiftedClock:
    """This machine's clock, ahead by some seconds."""

    ahead_s: float = 1.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def skew_s(self) -> float:
        return -self.ahead_s


@dataclass
class Bench:
    """A sender and its parts."""

    receiver: Receiver
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = ShiftedClock()
        self.webhooks = MemoryWebhooks()
        self.jobs = MemoryJobs(webhooks=self.webhooks)
        self.secret = self.webhooks.rotate(TENANT, 0).text
        allowed = {"GLIMPSE_WEBHOOKS_ALLOW": "127.0.0.1/32", "GLIMPSE_WEBHOOKS_TIMEOUT_S": "20"}
        settings = load_settings(allowed | self.settings)
        self.sender = Sender(settings, self.webhooks, self.jobs, self.clock)

    def ended(self, url: str | None = None, tenant: str = TENANT) -> str:
        """Return the id of a job that has ended."""
        job = Job(uuid.uuid4().hex, tenant, 1, time.time(), callback_url=url or self.receiver.url)
        self.jobs.create(job, [("0" * 64, "a.jpg")])
        self.jobs.accept(job.id)
        self.jobs.record(job.id, [outcome(0)])
        return job.id

    def delivery(self, job_id: str) -> Delivery:
        return self.webhooks.get(TENANT, job_id)

    def pauses(self, job_id: str) -> list[float]:
        """Send until the delivery is settled; return the pauses between the attempts."""
        pauses = []
        while True:
            before = self.clock.now()
            assert self.sender.send_next()
            assert not self.sender.send_next()
            due_at = self.delivery(job_id).due_at
            if due_at is None:
                return pauses
            pauses.append(due_at - before)
            self.clock.ahead_s += due_at - self.clock.now() + 0.001


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Receiver() as receiver:
        yield Bench(receiver)


def test_a_message_is_sent_once_with_a_valid_signature(bench: Bench) -> None:
    job_id = bench.ended()
    assert bench.sender.send_next()
    assert not bench.sender.send_next()
    (received,) = bench.receiver.received
    event = Webhook(bench.secret).verify(received.body, received.headers)
    assert (event["type"], event["data"]["id"], event["data"]["state"]) == (
        "job.finished",
        job_id,
        "succeeded",
    )
    assert event["timestamp"] == event["data"]["finished_at"]
    assert received.headers["content-type"] == "application/json"
    delivery = bench.delivery(job_id)
    assert (delivery.state, delivery.due_at, delivery.tries) == ("delivered", None, 1)
    assert [(each.status, each.error) for each in delivery.attempts] == [(204, None)]


def test_it_is_tried_again_for_a_day_with_growing_pauses(bench: Bench) -> None:
    bench.receiver.answers = [status(500)]
    job_id = bench.ended()
    pauses = bench.pauses(job_id)
    grown = [pause for pause in pauses if pause < PAUSE_S_MAX]
    assert grown == sorted(grown)
    assert FIRST_PAUSE_S <= pauses[0] < 2 * FIRST_PAUSE_S
    assert max(pauses) < 1.3 * PAUSE_S_MAX
    assert DAY_S - 1.3 * PAUSE_S_MAX < sum(pauses) <= DAY_S
    delivery = bench.delivery(job_id)
    assert (delivery.state, delivery.tries) == ("failed", len(pauses) + 1)
    # All of them are the same message, each signed when it was sent.
    assert bench.receiver.ids == [job_id] * (len(pauses) + 1)
    assert len({each.body for each in bench.receiver.received}) == 1
    signatures = {each.headers["webhook-signature"] for each in bench.receiver.received}
    assert len(signatures) == len(pauses) + 1


def test_it_is_delivered_when_the_receiver_recovers(bench: Bench) -> None:
    bench.receiver.answers = [status(500), status(404), status(200)]
    job_id = bench.ended()
    assert len(bench.pauses(job_id)) == 2
    delivery = bench.delivery(job_id)
    assert delivery.state == "delivered"
    assert [each.status for each in delivery.attempts] == [500, 404, 200]


def test_a_refused_connection_is_tried_again(bench: Bench) -> None:
    job_id = bench.ended("http://127.0.0.1:1/")
    assert bench.sender.send_next()
    delivery = bench.delivery(job_id)
    assert (delivery.state, delivery.attempts[0].status) == ("pending", None)
    assert delivery.attempts[0].error == "No connection: Connection refused."


@pytest.mark.parametrize(
    ("asked", "least_s", "most_s"), [("100", 99, 101), ("9" * 30, PAUSE_S_MAX, PAUSE_S_MAX + 5)]
)
def test_a_retry_after_is_respected_within_bounds(
    bench: Bench, asked: str, least_s: float, most_s: float
) -> None:
    bench.receiver.answers = [status(503, Retry_After=asked), status(200)]
    (pause,) = bench.pauses(bench.ended())
    assert least_s <= pause <= most_s


def test_a_receiver_that_is_gone_gets_no_more(bench: Bench) -> None:
    bench.receiver.answers = [status(410), status(200)]
    job_id = bench.ended()
    assert bench.pauses(job_id) == []
    assert bench.delivery(job_id).state == "failed"
    # A replay tries again nevertheless.
    bench.webhooks.replay(TENANT, job_id, bench.clock.now())
    assert bench.pauses(job_id) == []
    assert bench.delivery(job_id).state == "delivered"
    assert bench.receiver.ids == [job_id, job_id]


def test_a_replay_has_a_day_of_its_own(bench: Bench) -> None:
    bench.receiver.answers = [status(500)]
    job_id = bench.ended()
    first = bench.pauses(job_id)
    bench.webhooks.replay(TENANT, job_id, bench.clock.now())
    assert len(bench.pauses(job_id)) == pytest.approx(len(first), abs=2)


def test_the_time_to_try_is_a_setting() -> None:
    with Receiver([status(500)]) as receiver:
        bench = Bench(receiver, {"GLIMPSE_WEBHOOKS_TRY_S": "0"})
        assert bench.pauses(bench.ended()) == []


def test_both_secrets_sign_during_a_rotation(bench: Bench) -> None:
    new = bench.webhooks.rotate(TENANT, bench.clock.now()).text
    bench.ended()
    bench.sender.send_next()
    (received,) = bench.receiver.received
    for secret in (bench.secret, new):
        assert Webhook(secret).verify(received.body, received.headers)


def test_nothing_is_sent_unsigned(bench: Bench) -> None:
    job_id = bench.ended(tenant="other")
    assert bench.sender.send_next()
    assert bench.receiver.received == []
    delivery = bench.webhooks.get("other", job_id)
    assert delivery.state == "pending"
    assert "no secret" in (delivery.attempts[0].error or "")


def test_a_private_address_is_never_reached(bench: Bench) -> None:
    with Receiver(address="127.0.0.2") as private:
        job_id = bench.ended(private.url)
        assert bench.sender.send_next()
        assert private.received == []
    assert "not public" in (bench.delivery(job_id).attempts[0].error or "")


def test_a_job_whose_record_is_gone_is_named(bench: Bench) -> None:
    bench.webhooks.announce(TENANT, "0" * 32, bench.receiver.url, time.time())
    bench.sender.send_next()
    assert bench.delivery("0" * 32).attempts[0].error == "The job's record has expired."


def test_threads_send_until_they_are_stopped(bench: Bench) -> None:
    ids = [bench.ended() for _ in range(20)]
    bench.sender.start()
    deadline = time.monotonic() + 30
    while len(bench.receiver.received) < len(ids) and time.monotonic() < deadline:
        time.sleep(0.01)
    bench.sender.stop()
    assert sorted(bench.receiver.ids) == sorted(ids)
    assert {bench.delivery(job_id).state for job_id in ids} == {"delivered"}
    bench.ended()
    assert len(bench.receiver.received) == len(ids)


@pytest.mark.parametrize(("share", "factor"), [(lambda: 0.0, 1.0), (lambda: 1.0, 1.2)])
def test_pauses_grow_to_their_maximum(share: Callable[[], float], factor: float) -> None:
    pauses = [pause_s(tries, share=share) for tries in range(1, 12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE_S * factor, PAUSE_S_MAX * factor)
    assert pause_s(10**6, share=share) == PAUSE_S_MAX * factor
