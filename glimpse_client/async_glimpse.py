"""The client for asyncio: the methods of ``Glimpse``, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

from glimpse_client.answers import Job
from glimpse_client.glimpse import Glimpse
from glimpse_client.open_job import OpenJob
from glimpse_client.sources import Source

P = ParamSpec("P")
T = TypeVar("T")

# Calls that run concurrently by default; further ones wait.
_CALLS = 16
# Ends an iteration; no client returns it.
_END: Final = object()


def _awaited(
    method: Callable[Concatenate[Glimpse, P], T],
) -> Callable[Concatenate[AsyncGlimpse, P], Coroutine[Any, Any, T]]:
    """Return a method of the client for asyncio that awaits one of ``Glimpse``."""

    @wraps(method)
    async def call(self: AsyncGlimpse, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(partial(method, self._glimpse, *args, **kwargs))

    return call


def _iterated(
    method: Callable[Concatenate[Glimpse, P], Iterator[T]],
) -> Callable[Concatenate[AsyncGlimpse, P], AsyncIterator[T]]:
    """Return a method of the client for asyncio that iterates over what one of ``Glimpse`` does."""

    @wraps(method)
    async def iterate(self: AsyncGlimpse, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        found = method(self._glimpse, *args, **kwargs)
        while (each := await self.run(partial(next, found, _END))) is not _END:
            yield each

    return iterate


def _opening(
    method: Callable[Concatenate[Glimpse, P], OpenJob],
) -> Callable[Concatenate[AsyncGlimpse, P], Coroutine[Any, Any, AsyncOpenJob]]:
    """Return a method of the client for asyncio that awaits an open job of ``Glimpse``."""

    @wraps(method)
    async def call(self: AsyncGlimpse, /, *args: P.args, **kwargs: P.kwargs) -> AsyncOpenJob:
        return AsyncOpenJob(self, await self.run(partial(method, self._glimpse, *args, **kwargs)))

    return call


class AsyncGlimpse:
    """A client of one server for asyncio.

    It has the methods of ``Glimpse``, which return awaitables and asynchronous iterators. They run
    in threads of their own, because retries, waits and files are blocking: a cancelled call
    returns at once, and its request is completed in the background, at most until ``close``.

    Example:
        async with AsyncGlimpse() as glimpse:
            await glimpse.wait(await glimpse.upload("dog.jpg"))
            hits = (await glimpse.search("a white dog")).hits
            async for image in glimpse.images(tag="pets"):
                print(image.filename)

    Args:
        glimpse: The address of the server, or the client that runs the calls; by default that of
            ``GLIMPSE_URL``.
        api_key: As of ``Glimpse``, beside an address; a client has its own.
        calls: Maximum number of concurrent calls; further ones wait.

    Raises:
        InvalidAddress: The address is not an HTTP URL.
        InvalidHeader: The key has characters that cannot be sent.
        TypeError: A key is given beside a client.
    """

    def __init__(
        self,
        glimpse: Glimpse | str | None = None,
        api_key: str | None = None,
        *,
        calls: int = _CALLS,
    ) -> None:
        if not isinstance(glimpse, Glimpse):
            glimpse = Glimpse(glimpse, api_key)
        elif api_key is not None:
            raise TypeError("give the key to the client, or an address beside it")
        self._glimpse = glimpse
        self._threads = ThreadPoolExecutor(calls, thread_name_prefix="glimpse")

    upload = _awaited(Glimpse.upload)
    open_job = _opening(Glimpse.open_job)
    upload_archive = _awaited(Glimpse.upload_archive)
    complete = _awaited(Glimpse.complete)
    job = _awaited(Glimpse.job)
    look = _awaited(Glimpse.look)
    wait = _awaited(Glimpse.wait)
    cancel = _awaited(Glimpse.cancel)
    jobs = _iterated(Glimpse.jobs)
    items = _iterated(Glimpse.items)
    images = _iterated(Glimpse.images)
    count = _awaited(Glimpse.count)
    tags = _awaited(Glimpse.tags)
    image = _awaited(Glimpse.image)
    edit_image = _awaited(Glimpse.edit_image)
    edit = _awaited(Glimpse.edit)
    refresh = _awaited(Glimpse.refresh)
    content = _awaited(Glimpse.content)
    thumbnail = _awaited(Glimpse.thumbnail)
    delete = _awaited(Glimpse.delete)
    check = _awaited(Glimpse.check)
    search = _awaited(Glimpse.search)
    embed = _awaited(Glimpse.embed)
    contact_sheet = _awaited(Glimpse.contact_sheet)
    dead_letters = _iterated(Glimpse.dead_letters)
    replay = _awaited(Glimpse.replay)
    forget = _awaited(Glimpse.forget)
    deliveries = _iterated(Glimpse.deliveries)
    delivery = _awaited(Glimpse.delivery)
    replay_delivery = _awaited(Glimpse.replay_delivery)
    rotate_webhook_secret = _awaited(Glimpse.rotate_webhook_secret)
    models = _awaited(Glimpse.models)
    use_model = _awaited(Glimpse.use_model)
    drop_model = _awaited(Glimpse.drop_model)
    start_reindex = _awaited(Glimpse.start_reindex)
    reindex = _awaited(Glimpse.reindex)
    cancel_reindex = _awaited(Glimpse.cancel_reindex)
    awaited = _awaited(Glimpse.awaited)
    connection = _awaited(Glimpse.connection)

    @property
    def url(self) -> str:
        """The address of the server, without a slash at the end."""
        return self._glimpse.url

    async def find_open_job(self, name: str) -> AsyncOpenJob | None:
        """Return the open job that was opened last under a name. See ``Glimpse.find_open_job``."""
        found = await self.run(partial(self._glimpse.find_open_job, name))
        return None if found is None else AsyncOpenJob(self, found)

    async def run(self, call: Callable[[], T]) -> T:
        """Run a blocking call in a thread of this client."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, copy_context().run, call)

    async def close(self) -> None:
        """Close the connections; requests in progress fail."""
        await asyncio.to_thread(self._glimpse.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client."""
        await self.close()


class AsyncOpenJob:
    """A job that takes uploads until it is completed. See ``OpenJob``.

    Args:
        glimpse: The client.
        job: The open job.

    Attributes:
        id: The job's id.
    """

    def __init__(self, glimpse: AsyncGlimpse, job: OpenJob) -> None:
        self._glimpse = glimpse
        self._job = job
        self.id = job.id

    async def upload(self, *pictures: Source, idempotency_key: str | None = None) -> Job:
        """Add pictures to the job in one request; return the job. See ``OpenJob.upload``."""
        return await self._glimpse.run(
            partial(self._job.upload, *pictures, idempotency_key=idempotency_key)
        )

    async def complete(self) -> Job:
        """Complete the job, so that it ends once all of its pictures have an outcome; return it."""
        return await self._glimpse.run(self._job.complete)

    async def __aenter__(self) -> Self:
        """Return the open job."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Complete the job unless the block has failed."""
        if kind is None:
            await self.complete()
