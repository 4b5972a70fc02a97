"""The client for asyncio: it has every method of the other one, awaits it, and can be cancelled."""

from __future__ import annotations

import asyncio
import inspect
import threading

import httpx
import pytest
from flask import Flask, Response, jsonify, request

from glimpse_client import (
    AsyncGlimpse,
    Glimpse,
    InvalidAddress,
    InvalidHeader,
    NotThere,
    OpenJob,
    RetryPolicy,
)
from glimpse_client.async_glimpse import AsyncOpenJob

JOB = {
    "id": "1",
    "state": "succeeded",
    "total": 2,
    "indexed": 2,
    "duplicates": 0,
    "failed": 0,
    "cancelled": 0,
}


@pytest.fixture
def server() -> Flask:
    return Flask("server")


@pytest.fixture
def glimpse(server: Flask) -> AsyncGlimpse:
    transport = httpx.WSGITransport(server)
    return AsyncGlimpse(Glimpse("http://glimpse.test", "", RetryPolicy(0), transport), calls=2)


def test_it_takes_an_address_and_a_key_as_the_other_one_does() -> None:
    glimpse = AsyncGlimpse("http://glimpse.test/", "secret")
    assert glimpse.url == "http://glimpse.test"
    asyncio.run(glimpse.close())
    with pytest.raises(InvalidAddress):
        AsyncGlimpse("glimpse.test")
    with pytest.raises(InvalidHeader):
        AsyncGlimpse("http://glimpse.test", "a\nb")
    with pytest.raises(TypeError, match="give the key to the client"):
        AsyncGlimpse(Glimpse("http://glimpse.test"), "secret")


def public(kind: type) -> dict[str, object]:
    return {name: each for name, each in vars(kind).items() if not name.startswith("_")}


def test_every_method_has_a_counterpart_with_the_same_parameters() -> None:
    for blocking, awaiting in ((Glimpse, AsyncGlimpse), (OpenJob, AsyncOpenJob)):
        theirs = public(awaiting)
        for name, method in public(blocking).items():
            if name == "from_environ":
                continue
            assert name in theirs, name
            if callable(method):
                parameters = inspect.signature(method).parameters
                found = inspect.signature(theirs[name]).parameters  # type: ignore[arg-type]
                assert list(found) == list(parameters), name


def test_calls_are_awaited_and_lists_iterated(server: Flask, glimpse: AsyncGlimpse) -> None:
    server.get("/v1/jobs/<job>")(lambda job: jsonify({**JOB, "id": job}))

    @server.get("/v1/jobs")
    def jobs() -> Response:
        first = "cursor" not in request.args
        found = [{**JOB, "id": name} for name in ("ab" if first else "c")]
        return jsonify(jobs=found, next_cursor="c" if first else None)

    async def main() -> list[str]:
        async with glimpse:
            assert (await glimpse.job("x")).indexed == 2
            both = await asyncio.gather(glimpse.job("y"), glimpse.job("z"))
            assert [job.id for job in both] == ["y", "z"]
            return [job.id async for job in glimpse.jobs()]

    assert asyncio.run(main()) == ["a", "b", "c"]


def test_errors_are_raised(server: Flask, glimpse: AsyncGlimpse) -> None:
    server.get("/v1/jobs/<job>")(lambda job: ({"code": "not_found", "detail": job}, 404))

    async def main() -> None:
        async with glimpse:
            await glimpse.job("x")

    with pytest.raises(NotThere, match="x"):
        asyncio.run(main())


def test_an_open_job_is_completed_unless_the_block_fails(
    server: Flask, glimpse: AsyncGlimpse
) -> None:
    seen: list[str] = []

    @server.before_request
    def note() -> None:
        seen.append(f"{request.method} {request.full_path.rstrip('?')}")

    for path in ("/v1/jobs", "/v1/images", "/v1/jobs/1/complete"):
        server.post(path, endpoint=path)(lambda: (JOB, 202))

    async def main() -> None:
        async with glimpse:
            async with await glimpse.open_job("Crete", tags=["sea"]) as job:
                await job.upload(("a.jpg", b"a"))
            with pytest.raises(LookupError):
                async with await glimpse.open_job("Crete"):
                    raise LookupError

    asyncio.run(main())
    assert seen == [
        *("POST /v1/jobs", "POST /v1/images?job=1", "POST /v1/jobs/1/complete"),
        "POST /v1/jobs",
    ]


def test_a_cancelled_call_returns_at_once(server: Flask, glimpse: AsyncGlimpse) -> None:
    begun, released = threading.Event(), threading.Event()

    @server.get("/v1/jobs/<job>")
    def show(job: str) -> Response:
        begun.set()
        assert released.wait(30)
        return jsonify({**JOB, "id": job})

    async def main() -> None:
        call = asyncio.create_task(glimpse.job("x"))
        await asyncio.to_thread(begun.wait, 30)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not released.is_set()
        released.set()
        await glimpse.close()

    asyncio.run(main())
