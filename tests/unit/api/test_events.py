"""``/v1/jobs/{id}/events``: a job's progress as a stream, until the job has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from api.http.job_events import JobEvents
from api.http.stream_slots import close_with
from api.schemas.job import Job as JobAnswer
from api.schemas.links import Links
from common.errors import BrokerUnavailable, NotFound
from common.jobs.base import Job, JobRecords
from common.keys.token import issue
from common.settings import load_settings
from tests.support.clock import Clock
from tests.support.events import Event, read_events
from tests.support.inline import Inline, start_inline
from tests.support.job_records import new_job, outcome


@pytest.fixture
def jobs(inline: Inline) -> JobRecords:
    found: JobRecords = inline.app.extensions["glimpse"].jobs
    return found


class Stage:
    """A stream with a fake clock, which runs callbacks while the stream sleeps between polls."""

    def __init__(self, inline: Inline, jobs: JobRecords, job: Job) -> None:
        self._inline = inline
        self._clock = Clock()
        self.look: Callable[[], Job] = lambda: jobs.get(job.id)
        # Callbacks for the first sleep, the second, and so on.
        self.happenings: list[Callable[[], object]] = []
        self.is_over = False

    def pieces(self) -> list[str]:
        with self._inline.app.test_request_context():
            return list(
                JobEvents(
                    lambda: self.look(),
                    lambda job: JobAnswer.of(job, time.time(), Links()),
                    15,
                    lambda: self.is_over,
                    self._clock.now,
                    self._sleep,
                )
            )

    def events(self) -> list[Event]:
        return list(read_events(line for piece in self.pieces() for line in piece.splitlines()))

    def _sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        if self.happenings:
            self.happenings.pop(0)()


@pytest.fixture
def stage(inline: Inline, jobs: JobRecords) -> Stage:
    job = new_job(jobs, 2)
    stage = Stage(inline, jobs, job)
    stage.happenings = [
        lambda: jobs.record(job.id, [outcome(0)]),
        lambda: None,
        lambda: jobs.record(job.id, [outcome(1)]),
    ]
    return stage


def test_a_job_is_told_at_once_on_change_and_at_its_end(stage: Stage) -> None:
    events = stage.events()
    assert [name for name, _ in events] == ["progress", "progress", "end"]
    assert [job["indexed"] for _, job in events] == [0, 1, 2]
    assert [job["state"] for _, job in events] == ["queued", "queued", "succeeded"]


def test_an_open_job_is_told_until_it_is_completed(inline: Inline, jobs: JobRecords) -> None:
    job = Job("0" * 32, "default", 0, created_at=time.time(), growing=True, opened=True)
    jobs.create(job, [])
    jobs.accept(job.id)
    stage = Stage(inline, jobs, job)
    stage.happenings = [
        lambda: jobs.add(job.id, [(f"{n:064x}", f"{n}.jpg") for n in range(2)]),
        # It goes on although all its images have an outcome.
        lambda: jobs.record(job.id, [outcome(0), outcome(1)]),
        lambda: None,
        lambda: jobs.complete(job.id),
    ]
    events = [(name, job["open"], job["total"], job["indexed"]) for name, job in stage.events()]
    assert events == [
        ("progress", True, 0, 0),
        ("progress", True, 2, 0),
        ("progress", True, 2, 2),
        ("end", False, 2, 2),
    ]


def test_silence_is_broken_by_comments(stage: Stage) -> None:
    quiet: list[Callable[[], object]] = [lambda: None] * 65
    stage.happenings = [*quiet, *stage.happenings]
    comments = [piece for piece in stage.pieces() if piece.startswith(":")]
    # 65 polls, half a second apart, with a comment every 15 seconds.
    assert comments == [": still there\n\n"] * 2


def test_a_stream_ends_where_nobody_listens(stage: Stage) -> None:
    stage.happenings = [lambda: setattr(stage, "is_over", True)]
    assert [name for name, _ in stage.events()] == ["progress"]


def test_a_stream_of_a_job_that_never_ends_ends_itself(stage: Stage) -> None:
    stage.happenings = []
    assert [name for name, _ in stage.events()] == ["progress"]


@pytest.mark.parametrize("error", [NotFound("It has expired."), BrokerUnavailable("Away.")])
def test_a_stream_that_cannot_go_on_says_why(stage: Stage, error: Exception) -> None:
    def fail() -> Job:
        raise error

    stage.happenings = [lambda: setattr(stage, "look", fail)]
    progress, (name, problem) = stage.events()
    assert (progress[0], name) == ("progress", "error")
    assert problem == {"code": error.code, "detail": str(error)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("headers", [{}, {"Last-Event-ID": "7"}])
def test_an_ended_job_is_told_as_ended(
    client: FlaskClient, jobs: JobRecords, headers: dict[str, str]
) -> None:
    job = new_job(jobs, 1)
    jobs.record(job.id, [outcome(0)])
    response = client.get(f"/v1/jobs/{job.id}/events", headers=headers)
    ((name, job_sent),) = read_events(response.text.splitlines())
    shown = client.get(f"/v1/jobs/{job.id}").get_json()
    assert (name, job_sent) == ("end", shown)
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert shown["links"]["events"] == f"/v1/jobs/{job.id}/events"


def test_an_unknown_job_has_no_events(client: FlaskClient) -> None:
    response = client.get(f"/v1/jobs/{'1' * 32}/events")
    assert (response.status_code, response.get_json()["code"]) == (404, "not_found")


def test_places_are_bounded_and_come_free() -> None:
    inline = start_inline(load_settings({"GLIMPSE_EVENTS_MAX": "2"}))
    jobs: JobRecords = inline.app.extensions["glimpse"].jobs
    path, client = f"/v1/jobs/{new_job(jobs, 1).id}/events", inline.app.test_client()
    # The client reads nothing, so each stream stays open.
    held = [client.get(path, buffered=False) for _ in range(2)]
    refused = client.get(path)
    assert (refused.status_code, refused.get_json()["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "5"
    assert client.head(path).status_code == 503
    held[0].close()
    held[0].close()
    for _ in range(3):
        # The answer to HEAD has no stream, but must release its slot all the same.
        response = client.head(path)
        assert response.status_code == 200
        response.close()
    held.append(client.get(path, buffered=False))
    assert client.get(path).status_code == 503
    for response in held:
        response.close()
    inline.close()


def test_streams_end_with_their_process(inline: Inline, jobs: JobRecords) -> None:
    close_with(inline.app, lambda: True)
    job = new_job(jobs, 1)
    response = inline.app.test_client().get(f"/v1/jobs/{job.id}/events")
    assert list(read_events(response.text.splitlines())) == []


def test_the_time_of_a_job_is_no_change(stage: Stage) -> None:
    """The rate and the remaining time differ at every poll, but the job has not changed."""
    job = stage.look()
    begun = Job(job.id, job.tenant, 2, job.created_at, started_at=time.time() - 5, indexed=1)
    stage.look = lambda: begun
    stage.happenings = [lambda: None, lambda: setattr(stage, "is_over", True)]
    assert len(stage.events()) == 1


class Listener:
    """An event stream read through its route, with or without a key."""

    def __init__(self, inline: Inline, jobs: JobRecords, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        path = f"/v1/jobs/{new_job(jobs, 1).id}/events"
        client = inline.app.test_client()
        self._response = client.get(path, headers=headers, buffered=False)
        lines = (line for piece in self._response.iter_encoded() for line in _lines(piece))
        self._events = read_events(lines)

    def next(self) -> Event:
        return next(self._events)

    def is_over(self) -> bool:
        return next(self._events, None) is None


def _lines(piece: bytes) -> list[str]:
    return piece.decode().splitlines()


@pytest.fixture
def strict() -> Iterator[Inline]:
    """A Glimpse that caches no key."""
    inline = start_inline(load_settings({"GLIMPSE_KEY_CACHE_S": "0"}))
    yield inline
    inline.close()


def test_a_stream_ends_with_its_key(strict: Inline) -> None:
    token, key = issue("default", "test", ["read"], time.time())
    strict.keys.add(key)
    listener = Listener(strict, strict.app.extensions["glimpse"].jobs, token.text)
    assert listener.next()[0] == "progress"
    strict.keys.revoke(key.id, time.time())
    name, problem = listener.next()
    assert (name, problem["code"]) == ("error", "unauthorized")
    assert listener.is_over()


def test_a_stream_without_a_key_ends_with_the_first_key(strict: Inline) -> None:
    listener = Listener(strict, strict.app.extensions["glimpse"].jobs)
    assert listener.next()[0] == "progress"
    strict.keys.add(issue("acme", "test", ["read"], time.time())[1])
    name, problem = listener.next()
    assert (name, problem["code"]) == ("error", "unauthorized")
    assert listener.is_over()
