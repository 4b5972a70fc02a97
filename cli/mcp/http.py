"""The MCP server over HTTP: each client sends an API key of its own with every request."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

import click
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cli.errors import OpenService
from cli.mcp.server import RETRY_S, new_server
from cli.mcp.tools import Call
from cli.service.relay import Relay
from cli.stack.ports import claim, join
from common.keys.command import CREATE_KEY
from glimpse_client import Glimpse, NotAllowed, RetryPolicy

# Names of this machine, with any port.
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# A bearer token as in RFC 6750.
_BEARER = re.compile(r"bearer +([a-z0-9._~+/-]+=*) *", re.IGNORECASE)
# Requests that are served at once; more get 503.
_REQUESTS_MAX = 100


class KeyRequired:
    """Refuses requests without a key; the API checks whether it is right."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and not _key(Headers(scope=scope).get("authorization")):
            detail = "Send an API key of Glimpse as Authorization: Bearer KEY."
            answer = JSONResponse(
                {"error": "unauthorized", "error_description": detail},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def serve_http(host: str, port: int, allowed_hosts: Sequence[str], *, writes: bool) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        allowed_hosts: Names of this server in addition to its address.
        writes: Whether to offer the tool that changes tags.

    Raises:
        OpenService: The service has no keys.
        PortBusy: The address is in use.
        ServerUnreachable: The service does not answer.
    """
    # Its connections are shared by the clients of all calls.
    relay = Relay("glimpse-mcp")
    _require_keys(relay)
    port = claim(host, port)
    own = f"[{host}]" if ":" in host else host
    app = _new_app(relay, [*_LOOPBACK, own, *allowed_hosts], writes=writes)
    click.echo(f"MCP server at http://{join(host, port)}/mcp; Ctrl-C stops it.", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.run(app, host=host, port=port, log_level="warning", limit_concurrency=_REQUESTS_MAX)


def _new_app(relay: Relay, hosts: Sequence[str], *, writes: bool) -> ASGIApp:
    """Return the app that answers requests for these hosts."""

    def client_of(call: Call) -> Glimpse:
        # Clients of single calls are not closed: the connections are the relay's.
        return _client(relay, _key((call.headers or {}).get("authorization")))

    server = new_server(client_of, reads_files=False, writes=writes)
    app = server.streamable_http_app(
        # Every request brings its key, so that none is answered with another's.
        stateless_http=True,
        json_response=True,
        transport_security=_accepted(hosts),
    )
    return KeyRequired(app)


def _require_keys(relay: Relay) -> None:
    """Check that the service has keys.

    Raises:
        OpenService: It has none.
        ServerUnreachable: It does not answer.
    """
    client = _client(relay, "")
    try:
        next(client.jobs(), None)
    except NotAllowed as error:
        if error.code == "unauthorized":
            return
    raise OpenService(
        f"{client.url} has no API keys, and with --http every client must send one. Create one with"
        f" `{CREATE_KEY}`, or use `glimpse mcp` without --http."
    )


def _client(relay: Relay, key: str) -> Glimpse:
    return Glimpse(api_key=key, retry_policy=RetryPolicy(RETRY_S), transport=relay)


def _key(authorization: str | None) -> str:
    """Return the key in a header ``Authorization``; an empty string if there is none."""
    match = _BEARER.fullmatch(authorization or "")
    return match[1] if match else ""


def _accepted(hosts: Sequence[str]) -> TransportSecuritySettings:
    """Return the accepted values of ``Host`` and ``Origin``: those hosts, with any port."""
    names = [name for host in hosts for name in (host, f"{host}:*")]
    origins = [f"{scheme}://{name}" for name in names for scheme in ("http", "https")]
    return TransportSecuritySettings(allowed_hosts=names, allowed_origins=origins)
