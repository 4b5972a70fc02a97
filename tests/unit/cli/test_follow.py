"""Which jobs are polled, when, and how many at a time."""

from __future__ import annotations

import httpx
import pytest

from cli.bulk.follow import FollowedJobs, look_at
from glimpse_client import Glimpse
from glimpse_client.answers import Job, Look
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(clock: Clock) -> FollowedJobs:
    return FollowedJobs(now=clock.now)


def look(name: str, *, done: int = 0, pause_s: float = 1) -> Look:
    state = "succeeded" if done == 10 else "running"
    job = Job(id=name, state=state, total=10, indexed=done, duplicates=0, failed=0, cancelled=0)
    return Look(job, pause_s)


def test_jobs_are_looked_at_when_the_server_says(jobs: FollowedJobs, clock: Clock) -> None:
    jobs.begin(look("a", pause_s=1))
    jobs.begin(look("b", pause_s=20))
    assert jobs.due() == []
    clock.sleep(1)
    assert jobs.due() == ["a"]
    jobs.update([look("a", done=1, pause_s=30)])
    clock.sleep(20)
    assert jobs.due() == ["b"]
    clock.sleep(10)
    assert jobs.due() == ["a", "b"]


def test_there_is_a_pause_between_two_rounds(jobs: FollowedJobs, clock: Clock) -> None:
    jobs.begin(look("a", pause_s=0))
    assert jobs.due() == ["a"]
    assert jobs.due() == []
    clock.sleep(1)
    assert jobs.due() == ["a"]


def test_a_job_in_which_nothing_happens_lets_others_go_first(
    jobs: FollowedJobs, clock: Clock
) -> None:
    jobs.begin(look("a"))
    pauses = []
    for _ in range(4):
        jobs.update([look("a")])
        before = clock.at
        while not jobs.due():
            clock.sleep(1)
        pauses.append(clock.at - before)
    assert pauses == [2, 4, 4, 4]
    jobs.update([look("a", done=1)])
    clock.sleep(1)
    assert jobs.due() == ["a"]


def test_it_ends_with_the_last_job(jobs: FollowedJobs, clock: Clock) -> None:
    assert jobs.ended
    for name in ("a", "b"):
        jobs.begin(look(name))
    jobs.begin(look("c", done=10))
    jobs.update([look("a", done=10)])
    assert not jobs.ended
    assert jobs.count() == (30, 20)
    jobs.update([look("b", done=10)])
    assert jobs.ended
    assert [job.id for job in jobs.jobs] == ["a", "b", "c"]
    clock.sleep(100)
    assert jobs.due() == []


def test_of_a_thousand_jobs_that_wait_few_are_looked_at() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        asked.append(name)
        # Some jobs ended long ago; each costs one request to find out.
        return httpx.Response(
            200, json=look(name, done=10 if int(name) < 50 else 0).job.model_dump()
        )

    client = Glimpse(transport=httpx.MockTransport(answer))
    looks = look_at(client, map(str, range(1000)))
    assert asked == [str(n) for n in range(58)]
    assert [seen.job.id for seen in looks] == asked
