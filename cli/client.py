"""A client of Glimpse's HTTP API, with what the commands need of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from cli.answers import (
    Answer,
    Image,
    ImagesPage,
    Item,
    ItemsPage,
    Job,
    JobsPage,
    Known,
    ListedJob,
    Look,
    Search,
)
from cli.archives import Archive
from cli.bodies import FileBody
from cli.errors import ClientError, RequestRefused, ServerUnreachable
from cli.pictures import Picture
from cli.query import Query
from cli.retry import Patience, retry_after_s
from cli.stack.ports import is_loopback

# Where `glimpse up` listens unless told otherwise.
DEFAULT_URL = "http://127.0.0.1:8000"

# Seconds to wait for a connection, and for each piece of an answer. A search held open
# with `Prefer: wait` is silent for up to 30 seconds.
_CONNECT_S, _ANSWER_S = 5.0, 60.0
# Seconds that the server is asked to hold a search open.
_HOLD_S = 30
# Seconds between two looks at a search that was not answered in time.
_POLL_S = 0.5
# Seconds to the next look at a job where the server does not say.
_LOOK_S = 1.0
# Items asked for at a time; the server gives no more than 1000.
_PAGE_ITEMS = 1000
# Tiles of a contact sheet in a row, rows at least, and rows that the server draws at most.
_COLUMNS, _ROWS_MIN, _ROWS_MAX = 5, 2, 50

Model = TypeVar("Model", bound=Answer)
Page = TypeVar("Page", ItemsPage, ImagesPage, JobsPage)


class Client:
    """Talks to one server, from any number of threads; use it as a context manager.

    Every method raises ``ServerUnreachable`` where nothing answers, and
    ``RequestRefused`` where the server answers with an error.

    Args:
        url: Address of the server, without a path.
        api_key: Sent as a bearer token, unless empty.
        patience: Where a server asks to come again, or is away.
        transport: Carries the requests, instead of the network.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        api_key: str = "",
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._patience = patience or Patience()
        self._http = httpx.Client(
            base_url=self.url,
            transport=transport,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            # A proxy cannot reach this machine's own loopback.
            trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
        )

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
            return cls(url, os.environ.get("GLIMPSE_API_KEY", ""), patience)
        except (ValueError, httpx.InvalidURL) as error:
            raise ServerUnreachable(f"GLIMPSE_URL is {url!r}, no address: {error}.") from error

    def known(self, ids: Sequence[str]) -> set[str]:
        """Return those ids, up to 10,000, that a search can find."""
        answer = self._send("POST", "/v1/images/check", json={"ids": ids})
        return set(_read(Known, answer).known)

    def upload(self, pictures: Sequence[Picture], tags: Sequence[str] = ()) -> Look:
        """Send pictures in one request, read from disk while they are sent.

        Raises:
            FileUnreadable: A file cannot be read; nothing is accepted.
        """
        data = {"metadata": json.dumps({"tags": tags})} if tags else {}
        with ExitStack() as opened:
            bodies = [opened.enter_context(FileBody(picture.path)) for picture in pictures]
            names = (picture.name for picture in pictures)
            parts = [("file", part) for part in zip(names, bodies, strict=True)]
            return _look(self._send("POST", "/v1/images", bodies, files=parts, data=data))

    def upload_archive(self, archive: Archive) -> Look:
        """Send an archive, read from disk while it is sent.

        Raises:
            FileUnreadable: It cannot be read; nothing is accepted.
        """
        query = {"filename": archive.name}
        kind = {"Content-Type": archive.media_type}
        with FileBody(archive.path) as body:
            answer = self._send(
                "POST", "/v1/images", [body], content=body, params=query, headers=kind
            )
        return _look(answer)

    def job(self, job_id: str) -> Job:
        """Return how far a job is."""
        return self.look(job_id).job

    def look(self, job_id: str) -> Look:
        """Return how far a job is, and when to ask again."""
        return _look(self._send("GET", f"/v1/jobs/{job_id}"))

    def failures(self, job_id: str) -> Iterator[Item]:
        """Go through the images of a job that failed."""
        for page in self._pages(ItemsPage, f"/v1/jobs/{job_id}/items", {"state": "failed"}):
            yield from page.items

    def images(self, tag: str | None) -> Iterator[Image]:
        """Go through the images, or those that carry a tag, the newest first."""
        for page in self._pages(ImagesPage, "/v1/images", {"tag": tag} if tag else {}):
            yield from page.images

    def jobs(self, state: str | None) -> Iterator[ListedJob]:
        """Go through the jobs, or those in a state, the newest first."""
        for page in self._pages(JobsPage, "/v1/jobs", {"state": state} if state else {}):
            yield from page.jobs

    def delete(self, image_id: str) -> bool:
        """Delete an image; return whether there was one."""
        try:
            self._send("DELETE", f"/v1/images/{image_id}")
        except RequestRefused as error:
            if error.status == httpx.codes.NOT_FOUND:
                return False
            raise
        return True

    def search(self, query: Query) -> Search:
        """Search and return when the search has ended.

        Raises:
            FileUnreadable: The picture to search by cannot be read.
            RequestRefused: The search failed.
        """
        prefer = {"Prefer": f"wait={_HOLD_S}"}
        with query.content() as (bodies, content):
            answer = self._send("POST", "/v1/searches", bodies, headers=prefer, **content)
        search = _read(Search, answer)
        while not search.ended:
            time.sleep(_POLL_S)
            answer = self._send("GET", f"/v1/searches/{search.id}")
            search = _read(Search, answer)
        if search.error is not None:
            raise RequestRefused(answer.status_code, search.error.code, search.error.detail)
        return search

    def contact_sheet(self, search: Search) -> bytes:
        """Return a PNG of a search's hits, five in a row and at least two rows."""
        rows = min(max(-(-len(search.hits) // _COLUMNS), _ROWS_MIN), _ROWS_MAX)
        path = f"/v1/searches/{search.id}/contact-sheet.png"
        return self._send("GET", path, params={"columns": str(_COLUMNS), "rows": str(rows)}).content

    def awaited(self) -> str:
        """Return what the server waits for until it is ready; nothing if it is."""
        answer = self._request("GET", "/readyz")
        return "" if answer.is_success else _refusal(answer).detail

    def close(self) -> None:
        """Close the connections; a request that is under way on one of them fails."""
        self._patience.stopped = True
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _pages(self, model: type[Page], path: str, query: Mapping[str, str]) -> Iterator[Page]:
        """Go through the pages of a list."""
        cursor: str | None = ""
        while cursor is not None:
            params = {**query, "limit": str(_PAGE_ITEMS)} | ({"cursor": cursor} if cursor else {})
            page = _read(model, self._send("GET", path, params=params))
            yield page
            cursor = page.next_cursor

    def _send(
        self,
        method: str,
        path: str,
        bodies: Sequence[FileBody] = (),
        **content: Any,
    ) -> httpx.Response:
        """Send a request, again where there is hope, and return its success.

        Args:
            method: The method.
            path: Path on the server.
            bodies: The files that the content is read from.
            content: What httpx takes.
        """
        tries = self._patience.begin()
        while True:
            self._patience.wait()
            for body in bodies:
                body.seek(0)
            try:
                return self._succeed(method, path, **content)
            except ClientError as error:
                tries.failed(error)

    def _succeed(self, method: str, path: str, **content: Any) -> httpx.Response:
        answer = self._request(method, path, **content)
        if not answer.is_success:
            raise _refusal(answer)
        self._patience.heard = True
        return answer

    def _request(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **content)
        except httpx.ConnectError as error:
            raise ServerUnreachable(
                f"Nothing answers at {self.url}. Start Glimpse with `glimpse up`,"
                " or set GLIMPSE_URL to its address."
            ) from error
        except httpx.TimeoutException as error:
            raise ServerUnreachable(f"{self.url} did not answer in time; try again.") from error
        except httpx.TransportError as error:
            raise ServerUnreachable(f"The connection to {self.url} broke off: {error}") from error


def _read(model: type[Model], answer: httpx.Response) -> Model:
    """Read a success; whatever else listens at the address may answer with anything."""
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise ServerUnreachable(
            f"What answers at {answer.url} is no Glimpse of this version; see GLIMPSE_URL."
        ) from error


def _look(answer: httpx.Response) -> Look:
    pause_s = retry_after_s(answer)
    return Look(_read(Job, answer), _LOOK_S if pause_s is None else pause_s)


def _refusal(answer: httpx.Response) -> RequestRefused:
    """Read a problem document; a proxy before the server may answer without one."""
    try:
        problem: Mapping[str, object] = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code = f"http_{answer.status_code}"
        detail = answer.reason_phrase or "The answer is no problem document."
    return RequestRefused(answer.status_code, code, detail, retry_after_s(answer))
