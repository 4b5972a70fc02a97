"""The API behind proxies: the caller's address, and the path at which the API is published."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request
from werkzeug.middleware.proxy_fix import ProxyFix

from common.errors import InvalidSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

    WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def install(app: Flask, hops: int, prefix: str) -> None:
    """Believe the nearest proxies, and serve the API below a path.

    Call it once the app has its routes.

    Args:
        app: The application.
        hops: Number of proxies whose ``X-Forwarded-*`` headers are believed.
        prefix: The path, such as ``/photos``; empty believes ``X-Forwarded-Prefix`` instead.

    Raises:
        InvalidSettings: The path is that of a route.
    """
    if prefix:
        _require_free(app, prefix)
        app.wsgi_app = BelowPath(app.wsgi_app, prefix)  # type: ignore[method-assign]
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=0 if prefix else hops
        )


def forwarded(request: Request) -> int:
    """Return through how many proxies a request says that it came."""
    return len([each for each in request.headers.get("X-Forwarded-For", "").split(",") if each])


class BelowPath:
    """Serves an application below a path, whether or not the proxy removes the path.

    Requests without the path are served too: health checks come directly.

    Args:
        app: The application.
        prefix: The path.
    """

    def __init__(self, app: WsgiApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        path: str = environ.get("PATH_INFO", "")
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            path = path[len(self._prefix) :]
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = self._prefix, path or "/"
        return self._app(environ, start_response)


def _require_free(app: Flask, prefix: str) -> None:
    """Refuse a path whose beginning is a route: one could not tell which of them is meant."""
    first = prefix.split("/")[1]
    if first in {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}:
        raise InvalidSettings(
            f"GLIMPSE_PATH_PREFIX: the API has routes below /{first} itself; choose another path."
        )
