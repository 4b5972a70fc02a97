"""The connection to a server: sends and retries requests, and validates the answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from glimpse_client.answers import Answer, Page
from glimpse_client.errors import ClientError, RequestRefused, ServerUnreachable, kind_of
from glimpse_client.headers import checked
from glimpse_client.retry import RetryPolicy, retry_after_s

# Seconds to wait for a connection, and for each chunk of an answer. A search with `Prefer: wait`
# sends nothing for up to 30 seconds.
_CONNECT_S, _ANSWER_S = 5.0, 60.0
# What a server answers that does not know the path or the method.
_UNKNOWN = frozenset({404, 405, 501})
# Entries in a page of a list; the server returns at most 1000.
_PAGE = 1000

Model = TypeVar("Model", bound=Answer)
Paged = TypeVar("Paged", bound=Page)


class Connection:
    """Sends requests to one server; safe to share between threads.

    Args:
        url: Address of the server, without a path.
        api_key: Sent as a bearer token, unless empty.
        retry_policy: When to retry a request, and for how long.
        transport: Sends the requests instead of the network.

    Raises:
        InvalidHeader: The key cannot be sent.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        retry_policy: RetryPolicy,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self.url = url.rstrip("/")
        self.retry_policy = retry_policy
        self._http = httpx.Client(
            base_url=self.url,
            transport=transport,
            headers=checked({"Authorization": f"Bearer {api_key}"} if api_key else {}),
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            # A proxy from the environment cannot reach this machine's loopback.
            trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
        )

    def send(
        self, method: str, path: str, bodies: Sequence[IO[bytes]] = (), **content: Any
    ) -> httpx.Response:
        """Send a request, retry it as the policy allows, and return the successful answer.

        Args:
            method: HTTP method.
            path: Path on the server.
            bodies: Files in the content, rewound before each try.
            content: Further arguments of ``httpx.Client.request``.

        Raises:
            ServerUnreachable: No server answers.
            RequestRefused: The server answers with an error.
        """
        tries = self.retry_policy.begin()
        while True:
            self.retry_policy.wait()
            for body in bodies:
                body.seek(0)
            try:
                return self._succeed(method, path, **content)
            except ClientError as error:
                tries.failed(error)

    def pages(self, model: type[Paged], path: str, **query: str | None) -> Iterator[Paged]:
        """Iterate over the pages of a list; raises as ``send`` does."""
        given = {name: value for name, value in query.items() if value is not None}
        cursor: str | None = ""
        while cursor is not None:
            params = {**given, "limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
            page = read(model, self.send("GET", path, params=params))
            yield page
            cursor = page.next_cursor

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request once and return the answer, whatever its status.

        Raises:
            ServerUnreachable: No server answers, or another kind of server with a page.
        """
        try:
            answer = self._http.request(method, path, **content)
        except httpx.ConnectError as error:
            raise ServerUnreachable(
                f"No server answers at {self.url}. Start Glimpse with `glimpse up`,"
                " or set GLIMPSE_URL to its address."
            ) from error
        except httpx.TimeoutException as error:
            raise ServerUnreachable(f"{self.url} did not answer in time; try again.") from error
        except httpx.TransportError as error:
            raise ServerUnreachable(f"The connection to {self.url} broke: {error}") from error
        if answer.is_success and answer.headers.get("Content-Type", "").startswith("text/html"):
            # Such as a proxy's form to log in: neither a thumbnail, nor the end of an image.
            raise _not_glimpse(answer)
        return answer

    def close(self) -> None:
        """Close the connections; requests in progress fail."""
        self.retry_policy.closed = True
        self._http.close()

    def _succeed(self, method: str, path: str, **content: Any) -> httpx.Response:
        answer = self.request(method, path, **content)
        if not answer.is_success:
            raise refusal(answer)
        self.retry_policy.answered = True
        return answer


def read(model: type[Model], answer: httpx.Response) -> Model:
    """Parse a successful answer; another kind of server may answer with anything.

    Raises:
        ServerUnreachable: The answer is not one of Glimpse.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise _not_glimpse(answer) from error


def refusal(answer: httpx.Response) -> RequestRefused:
    """Return the error for an answer; a proxy may answer without a problem document."""
    try:
        problem: Mapping[str, object] = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code = f"http_{answer.status_code}"
        detail = answer.reason_phrase or "The answer has no problem document."
        if answer.has_redirect_location:
            detail += f". It redirects to {answer.headers['Location']}; use that server's address."
        elif answer.status_code in _UNKNOWN:
            detail += f". {answer.url.join('/')} does not look like Glimpse: check its address."
    request_id = answer.headers.get("X-Request-ID", "")
    kind = kind_of(answer.status_code)
    return kind(answer.status_code, code, detail, retry_after_s(answer), request_id)


def _not_glimpse(answer: httpx.Response) -> ServerUnreachable:
    return ServerUnreachable(
        f"The answer of {answer.url} is not one of Glimpse in this version; check GLIMPSE_URL."
    )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's loopback, by the same rule as the service."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
