"""Glimpse, as Python code sees it: one object for one server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Self

import httpx

from glimpse_client.answers import (
    DeadLetter,
    DeadLettersPage,
    Image,
    ImagesPage,
    Item,
    ItemsPage,
    Job,
    JobsPage,
    Known,
    Look,
    Search,
)
from glimpse_client.begin import begin_job
from glimpse_client.connection import Connection, read, refusal
from glimpse_client.errors import JobUnfinished, NotThere, ServerUnreachable
from glimpse_client.query import Term, search_body
from glimpse_client.retry import Patience, retry_after_s
from glimpse_client.searching import draw_sheet, run_search
from glimpse_client.sources import Source, archive_type, open_source

# Where `glimpse up` listens unless told otherwise.
DEFAULT_URL = "http://127.0.0.1:8000"


class Glimpse:
    """Talks to one server, from any number of threads; use it as a context manager.

    Every method raises ``ServerUnreachable`` where nothing answers, and
    ``RequestRefused``, or a kind of it, where the server answers with an error.
    Before that it waits as its patience allows: where the server is busy, for as
    long as it says; where it has answered before and is away, longer and longer.
    A job is made once however often its request is sent, by an idempotency key.

    Example:
        >>> with Glimpse("http://127.0.0.1:8000", "KEY") as glimpse:
        ...     glimpse.wait(glimpse.upload("dog.jpg"))
        ...     glimpse.search("a white dog").hits[0].filename

    Args:
        url: Address of the server, without a path.
        api_key: Sent as a bearer token, unless empty.
        patience: How long to go on where the server asks to come again, or is away; a
            minute unless told otherwise: ``Patience(300)``.
        transport: Carries the requests, instead of the network.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        api_key: str | None = None,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._connection = Connection(url, api_key or "", self._patience, transport)

    @classmethod
    def from_environ(cls, patience: Patience | None = None) -> Self:
        """Make a client of the server at ``GLIMPSE_URL``, with the key ``GLIMPSE_API_KEY``.

        Raises:
            ServerUnreachable: The address is none of HTTP.
        """
        url = os.environ.get("GLIMPSE_URL") or DEFAULT_URL
        if not url.startswith(("http://", "https://")):
            raise ServerUnreachable(
                f"GLIMPSE_URL is {url!r}; it must begin with http:// or https://."
            )
        try:
            return cls(url, os.environ.get("GLIMPSE_API_KEY"), patience)
        except (ValueError, httpx.InvalidURL) as error:
            raise ServerUnreachable(f"GLIMPSE_URL is {url!r}, no address: {error}.") from error

    def upload(
        self,
        *pictures: Source,
        tags: str | Sequence[str] = (),
        metadata: Mapping[str, str | int | float | bool] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Send pictures in one request, files read while they are sent; return their job.

        Args:
            pictures: Paths; or names to keep them under, each with a path or with bytes.
            tags: Tags of all of them, or the one tag.
            metadata: What else is to be kept with all of them.
            idempotency_key: Of your own, for an upload that another process may send again.

        Raises:
            FileUnreadable: A file cannot be read; nothing is accepted.
            ValueError: There is no picture.

        Example:
            >>> glimpse.upload("dog.jpg", ("pets/cat.png", data), tags=["pets"])
        """
        if not pictures:
            raise ValueError("there is no picture to upload")
        tags = [tags] if isinstance(tags, str) else list(tags)
        kept: dict[str, Any] = {**(metadata or {})} | ({"tags": tags} if tags else {})
        data = {"metadata": json.dumps(kept)} if kept else {}
        with ExitStack() as opened:
            named = [_open(opened, picture) for picture in pictures]
            parts = [("file", part) for part in named]
            bodies = [body for _, body in named]
            return self._begin(idempotency_key, bodies, files=parts, data=data)

    def upload_archive(self, archive: Source, idempotency_key: str | None = None) -> Job:
        """Send an archive (.zip, .tar, .tar.gz, .tgz), whose pictures join the job one by one.

        Raises:
            FileUnreadable: It cannot be read; nothing is accepted.
            ValueError: Its name is no archive's.

        Example:
            >>> glimpse.wait(glimpse.upload_archive("holiday.zip")).total
        """
        with ExitStack() as opened:
            name, body = _open(opened, archive)
            kind = archive_type(name)
            if kind is None:
                raise ValueError(f"{name!r} is no archive's name")
            headers, query = {"Content-Type": kind}, {"filename": name}
            return self._begin(idempotency_key, [body], headers=headers, content=body, params=query)

    def job(self, job_id: str) -> Job:
        """Return how far a job is."""
        return self.look(job_id).job

    def look(self, job_id: str) -> Look:
        """Return how far a job is, and when to ask again."""
        answer = self._connection.send("GET", f"/v1/jobs/{job_id}")
        job, pause_s = read(Job, answer), retry_after_s(answer)
        return Look(job) if pause_s is None else Look(job, pause_s)

    def wait(self, job: Job | str, timeout_s: float | None = None) -> Job:
        """Return a job once it has ended.

        Args:
            job: The job, or its id.
            timeout_s: Seconds to wait, at most.

        Raises:
            JobUnfinished: It has not ended in time.

        Example:
            >>> glimpse.wait(glimpse.upload("dog.jpg")).state
            'succeeded'
        """
        job_id, patience = job if isinstance(job, str) else job.id, self._patience
        deadline = None if timeout_s is None else patience.now() + timeout_s
        while not (look := self.look(job_id)).job.ended:
            if deadline is not None and patience.now() + look.pause_s > deadline:
                raise JobUnfinished(f"Job {job_id} has not ended within {timeout_s:g} s.")
            patience.sleep(look.pause_s)
        return look.job

    def cancel(self, job_id: str) -> Job:
        """Cancel what of a job no worker has begun; return the job as it then stands."""
        return read(Job, self._connection.send("DELETE", f"/v1/jobs/{job_id}"))

    def jobs(self, state: str | None = None) -> Iterator[Job]:
        """Go through the jobs, or those in a state, the newest first."""
        for page in self._connection.pages(JobsPage, "/v1/jobs", state=state):
            yield from page.jobs

    def items(self, job: Job | str, state: str | None = None) -> Iterator[Item]:
        """Go through the images of a job, or those in a state.

        Example:
            >>> [item.filename for item in glimpse.items(job, state="failed")]
        """
        path = f"/v1/jobs/{job if isinstance(job, str) else job.id}/items"
        for page in self._connection.pages(ItemsPage, path, state=state):
            yield from page.items

    def images(self, tag: str | None = None) -> Iterator[Image]:
        """Go through the images, or those that carry a tag, the newest first."""
        for page in self._connection.pages(ImagesPage, "/v1/images", tag=tag):
            yield from page.images

    def image(self, image_id: str) -> Image:
        """Return what is known of an image; ``NotThere`` where it is not indexed."""
        return read(Image, self._connection.send("GET", f"/v1/images/{image_id}"))

    def content(self, image_id: str) -> bytes:
        """Return an image's bytes as they were uploaded."""
        return self._connection.send("GET", f"/v1/images/{image_id}/content").content

    def thumbnail(self, image_id: str, size: int = 150) -> bytes:
        """Return a JPEG of an image that fits in a square of so many pixels."""
        path = f"/v1/images/{image_id}/thumbnail"
        return self._connection.send("GET", path, params={"size": str(size)}).content

    def delete(self, image_id: str) -> bool:
        """Delete an image; return whether there was one."""
        return self._remove(f"/v1/images/{image_id}")

    def check(self, ids: Sequence[str]) -> Known:
        """Tell which of up to 10,000 ids a search can find; an id is the SHA-256 of the bytes."""
        answer = self._connection.send("POST", "/v1/images/check", json={"ids": list(ids)})
        return read(Known, answer)

    def search(
        self,
        text: str = "",
        *,
        image_id: str | None = None,
        picture: Source | None = None,
        query: Sequence[Term] = (),
        top_k: int = 10,
        offset: int | None = None,
        min_score: float | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's word
        group_duplicates: float | None = None,
    ) -> Search:
        """Search, and return when the search has ended; what is given adds up.

        Args:
            text: What pictures show.
            image_id: An indexed image that they are like.
            picture: A picture that they are like; it need not be indexed.
            query: Weighted terms: ``{"text": "snow", "weight": -0.5}``, or with ``image_id``.
            top_k: Hits, at most.
            offset: Hits passed over.
            min_score: Cosine that a hit must have.
            filter: Conditions that a hit must meet, as in ``docs/api.md``.
            group_duplicates: Cosine from which on images are folded into one hit.

        Raises:
            FileUnreadable: The picture cannot be read.
            SearchFailed: The search was taken on and has failed.

        Example:
            >>> glimpse.search("a dog", filter={"tags": {"any": ["holiday"]}}).hits
        """
        options = {"top_k": top_k, "offset": offset, "min_score": min_score, "filter": filter}
        options["group_duplicates"] = group_duplicates
        body = search_body(text, image_id, query, options)
        return run_search(self._connection, body, picture)

    def contact_sheet(self, search: Search) -> bytes:
        """Return a PNG of a search's hits, five in a row and at least two rows."""
        return draw_sheet(self._connection, search)

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Go through the images that the service gave up, the newest first."""
        for page in self._connection.pages(DeadLettersPage, "/v1/dead-letters"):
            yield from page.dead_letters

    def replay(self, image_id: str, idempotency_key: str | None = None) -> Job:
        """Try an image that was given up again; return its job."""
        path = f"/v1/dead-letters/{image_id}/replay"
        return begin_job(self._connection, path, idempotency_key)

    def forget(self, image_id: str) -> bool:
        """Delete a dead letter; return whether there was one."""
        return self._remove(f"/v1/dead-letters/{image_id}")

    def awaited(self) -> str:
        """Return what the server waits for until it is ready; nothing if it is."""
        answer = self._connection.request("GET", "/readyz")
        return "" if answer.is_success else refusal(answer).detail

    def close(self) -> None:
        """Close the connections; a request that is under way on one of them fails."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, key: str | None, bodies: Sequence[IO[bytes]], **content: Any) -> Job:
        return begin_job(self._connection, "/v1/images", key, bodies, **content)

    def _remove(self, path: str) -> bool:
        try:
            self._connection.send("DELETE", path)
        except NotThere:
            return False
        return True


def _open(opened: ExitStack, source: Source) -> tuple[str, IO[bytes]]:
    """Open a source that is closed with the others."""
    name, body = open_source(source)
    return name, opened.enter_context(body)
