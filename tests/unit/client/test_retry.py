"""Retries of a busy or unavailable server: their delays and their number."""

from __future__ import annotations

import time
from email.utils import formatdate

import httpx
import pytest

from common.settings import load_settings
from glimpse_client.errors import ClientError, RequestRefused, ServerUnreachable
from glimpse_client.retry import RetryPolicy, retry_after_s
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[float]:
    """The reported pauses, in seconds."""
    return []


@pytest.fixture
def policy(clock: Clock, said: list[float]) -> RetryPolicy:
    policy = RetryPolicy(
        100, lambda seconds, _: said.append(seconds), now=clock.now, sleep=clock.sleep
    )
    policy.answered = True
    return policy


def busy(seconds: float | None, status: int = 503) -> RequestRefused:
    return RequestRefused(status, "overloaded", "Too much.", seconds)


def test_a_pause_that_one_connection_was_asked_for_holds_all(
    policy: RetryPolicy, clock: Clock
) -> None:
    policy.begin().failed(busy(7))
    policy.wait()
    assert clock.slept == [7]
    policy.wait()
    assert clock.slept == [7]


def test_a_key_that_is_taken_holds_no_other_request(
    policy: RetryPolicy, clock: Clock, said: list[float]
) -> None:
    policy.begin().failed(RequestRefused(409, "idempotency_key_in_progress", "In progress.", 3))
    assert clock.slept == [3]
    policy.pause(7, busy(7))
    policy.begin().failed(RequestRefused(409, "dead_letter_busy", "Busy.", 1))
    policy.wait()
    assert (clock.slept, said) == ([3, 1, 6], [7])


def test_by_default_an_upload_outlasts_the_key_that_a_killed_server_leaves(clock: Clock) -> None:
    policy = RetryPolicy(now=clock.now, sleep=clock.sleep)
    policy.answered = True
    tries, began = policy.begin(), clock.now()
    error: ClientError = ServerUnreachable("It broke.")
    while clock.now() <= began + load_settings({}).lease_s:
        tries.failed(error)
        policy.wait()
        error = RequestRefused(409, "idempotency_key_in_progress", "In progress.", 1)


def test_a_full_disk_is_waited_for(policy: RetryPolicy, clock: Clock) -> None:
    policy.begin().failed(busy(7, status=507))
    policy.wait()
    assert clock.slept == [7]


def test_a_body_that_came_too_slowly_is_sent_again_later_and_later_and_holds_no_other(
    policy: RetryPolicy, clock: Clock, said: list[float]
) -> None:
    tries = policy.begin()
    for _ in range(3):
        tries.failed(busy(None, status=408))
    assert (clock.slept, said) == ([1, 2, 4], [])
    policy.wait()
    assert clock.slept == [1, 2, 4]


def test_the_longest_pause_counts(policy: RetryPolicy, clock: Clock) -> None:
    for seconds in (3, 9, 5):
        policy.begin().failed(busy(seconds))
    policy.wait()
    assert clock.slept == [9]


def test_an_hour_of_overload_is_told_once(
    policy: RetryPolicy, clock: Clock, said: list[float]
) -> None:
    for _ in range(20):
        policy.begin().failed(busy(5))
        policy.begin().failed(busy(6))
        policy.wait()
    assert said == [5]
    clock.sleep(1000)
    policy.begin().failed(busy(8))
    assert said == [5, 8]


def test_one_request_is_retried_only_until_the_timeout(policy: RetryPolicy) -> None:
    tries = policy.begin()
    error = busy(40)
    for _ in range(2):
        tries.failed(error)
        policy.wait()
    with pytest.raises(RequestRefused) as raised:
        tries.failed(error)
    assert raised.value is error
    # Each request has its own timeout.
    policy.begin().failed(error)


def test_without_a_time_a_busy_server_gets_two_seconds(policy: RetryPolicy, clock: Clock) -> None:
    policy.begin().failed(busy(None, status=429))
    policy.wait()
    assert clock.slept == [2]


def test_no_server_is_asked_again_at_once(policy: RetryPolicy, clock: Clock) -> None:
    policy.begin().failed(busy(0))
    policy.wait()
    assert clock.slept == [0.1]


@pytest.mark.parametrize("error", [ServerUnreachable("It broke off."), busy(None, status=502)])
def test_a_server_that_is_away_is_tried_later_and_later(error: ClientError, clock: Clock) -> None:
    policy = RetryPolicy(1e9, now=clock.now, sleep=clock.sleep)
    policy.answered = True
    tries = policy.begin()
    for _ in range(2000):
        tries.failed(error)
        policy.wait()
    assert clock.slept[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert set(clock.slept[7:]) == {30}


def test_a_server_that_never_answered_is_not_waited_for(clock: Clock) -> None:
    policy = RetryPolicy(100, now=clock.now, sleep=clock.sleep)
    with pytest.raises(ServerUnreachable):
        policy.begin().failed(ServerUnreachable("Nothing answers."))
    # This error is an answer, so later connection errors are retried.
    policy.begin().failed(busy(1))
    policy.begin().failed(ServerUnreachable("Nothing answers."))


def test_what_is_refused_for_good_is_not_tried_again(policy: RetryPolicy, clock: Clock) -> None:
    with pytest.raises(RequestRefused):
        policy.begin().failed(busy(5, status=403))
    policy.wait()
    assert clock.slept == []


def test_nobody_waits_once_the_client_is_closed(policy: RetryPolicy, said: list[float]) -> None:
    policy.closed = True
    with pytest.raises(ServerUnreachable):
        policy.begin().failed(ServerUnreachable("It broke off."))
    assert said == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("soon", None), ("nan", None), ("inf", None), ("", None)],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after_s(httpx.Response(503, headers={"Retry-After": value})) == seconds


def test_retry_after_as_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    for at, seconds in ((1_700_000_090, 90), (1_600_000_000, 0)):
        date = formatdate(at, usegmt=True)
        assert retry_after_s(httpx.Response(503, headers={"Retry-After": date})) == seconds


def test_without_the_header_there_is_no_time() -> None:
    assert retry_after_s(httpx.Response(503)) is None
