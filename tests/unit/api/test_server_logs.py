"""The lines of the access log: as gunicorn would write them, from fewer atoms."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger, SafeAtoms
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.http.wsgi import Response, create

from api.server.client_socket import ClientSocket
from api.server.logs import ACCESS, ACCESS_WITHOUT_QUERY, ServerLogger

CLIENT, SERVER = ("203.0.113.7", 50000), ("127.0.0.1", 8000)
HEAD = b'GET /v1/images?name="a" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: tests\r\n\r\n'
TOOK = timedelta(seconds=61, milliseconds=7, microseconds=999)


class Exchange:
    """A request and its response, as gunicorn passes them to its log.

    Args:
        cfg: gunicorn's configuration.
        headers: Headers of the response.
    """

    def __init__(self, cfg: Config, headers: list[tuple[str, str]]) -> None:
        self.request = Request(cfg, IterUnreader([HEAD]), CLIENT)
        with ClientSocket() as connection:
            found: tuple[Response, dict[str, Any]] = create(
                self.request, connection, CLIENT, SERVER, cfg
            )
        self.response, self.environ = found
        self.response.start_response("404 NOT FOUND", headers)
        self.response.sent = 290

    def line(self, logger: Logger, text: str) -> str:
        """Return the line of a format."""
        atoms = logger.atoms(self.response, self.request, self.environ, TOOK)
        return text % SafeAtoms(atoms)


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.mark.parametrize("text", [ACCESS, ACCESS_WITHOUT_QUERY, '%(a)s "%({host}i)s" %(r)s'])
@pytest.mark.parametrize("headers", [[("X-Request-ID", "r1"), ("Vary", "Accept")], []])
def test_lines_are_those_of_gunicorn(text: str, headers: list[tuple[str, str]]) -> None:
    cfg = Config()
    cfg.set("access_log_format", text)
    exchange = Exchange(cfg, headers)
    line = exchange.line(ServerLogger(cfg), text)
    assert line == exchange.line(Logger(cfg), text)
    assert "/v1/images" in line
