"""The connection to a server: requests that are tried again, and answers that are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from common.loopback import is_loopback
from glimpse_client.answers import Answer, Page
from glimpse_client.errors import ClientError, RequestRefused, ServerUnreachable, kind_of
from glimpse_client.retry import Patience, retry_after_s

# Seconds to wait for a connection, and for each piece of an answer. A search held open
# with `Prefer: wait` is silent for up to 30 seconds.
_CONNECT_S, _ANSWER_S = 5.0, 60.0
# Things in a page of a list; the server gives no more than 1000.
_PAGE = 1000

Model = TypeVar("Model", bound=Answer)
Paged = TypeVar("Paged", bound=Page)


class Connection:
    """Sends requests to one server, from any number of threads.

    Args:
        url: Address of the server, without a path.
        api_key: Sent as a bearer token, unless empty.
        patience: Where a server asks to come again, or is away.
        transport: Carries the requests, instead of the network.
    """

    def __init__(
        self, url: str, api_key: str, patience: Patience, transport: httpx.BaseTransport | None
    ) -> None:
        self.url = url.rstrip("/")
        self.patience = patience
        self._http = httpx.Client(
            base_url=self.url,
            transport=transport,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            # A proxy cannot reach this machine's own loopback.
            trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
        )

    def send(
        self, method: str, path: str, bodies: Sequence[IO[bytes]] = (), **content: Any
    ) -> httpx.Response:
        """Send a request, again where there is hope, and return its success.

        Args:
            method: The method.
            path: Path on the server.
            bodies: What the content is read from.
            content: What httpx takes.

        Raises:
            ServerUnreachable: Nothing answers.
            RequestRefused: The server answers with an error.
        """
        tries = self.patience.begin()
        while True:
            self.patience.wait()
            for body in bodies:
                body.seek(0)
            try:
                return self._succeed(method, path, **content)
            except ClientError as error:
                tries.failed(error)

    def pages(self, model: type[Paged], path: str, **query: str | None) -> Iterator[Paged]:
        """Go through the pages of a list; raises as ``send`` does."""
        given = {name: value for name, value in query.items() if value is not None}
        cursor: str | None = ""
        while cursor is not None:
            params = {**given, "limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
            page = read(model, self.send("GET", path, params=params))
            yield page
            cursor = page.next_cursor

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request once, and return the answer whatever it is.

        Raises:
            ServerUnreachable: Nothing answers.
        """
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

    def close(self) -> None:
        """Close the connections; a request that is under way on one of them fails."""
        self.patience.stopped = True
        self._http.close()

    def _succeed(self, method: str, path: str, **content: Any) -> httpx.Response:
        answer = self.request(method, path, **content)
        if not answer.is_success:
            raise refusal(answer)
        self.patience.heard = True
        return answer


def read(model: type[Model], answer: httpx.Response) -> Model:
    """Read a success; whatever else listens at the address may answer with anything.

    Raises:
        ServerUnreachable: It is no answer of Glimpse.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise ServerUnreachable(
            f"What answers at {answer.url} is no Glimpse of this version; see GLIMPSE_URL."
        ) from error


def refusal(answer: httpx.Response) -> RequestRefused:
    """Read a problem document; a proxy before the server may answer without one."""
    try:
        problem: Mapping[str, object] = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code = f"http_{answer.status_code}"
        detail = answer.reason_phrase or "The answer is no problem document."
    request_id = answer.headers.get("X-Request-ID", "")
    kind = kind_of(answer.status_code)
    return kind(answer.status_code, code, detail, retry_after_s(answer), request_id)
