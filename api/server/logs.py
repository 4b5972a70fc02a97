"""gunicorn's log in the form of the settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger

from api.http.request_ids import HEADER
from common.logs.configure import configure_logs
from common.logs.formats import JsonFormatter
from common.settings import load_settings

# A line for each request. The query may contain the name of a picture.
ACCESS = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms %({x-request-id}o)s'
ACCESS_WITHOUT_QUERY = '%(h)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms %({x-request-id}o)s'

# gunicorn's atoms of a request, by the names of their fields.
_ATOMS = {"client": "h", "method": "m", "path": "U", "status": "s", "bytes": "B", "ms": "M"}
_REQUEST_ID = f"{{{HEADER.lower()}}}o"

_MILLISECOND = timedelta(milliseconds=1)


class ServerLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Also configures the log of everything that is not gunicorn's."""

    def setup(self, cfg: Config) -> None:
        """Configure all loggers; gunicorn calls it in each process."""
        super().setup(cfg)
        settings = load_settings()
        configure_logs(settings)
        if settings.log_format == "json":
            for log, formatter in (
                (self.error_log, JsonFormatter()),
                (self.access_log, AccessFormatter()),
            ):
                for handler in log.handlers:
                    handler.setFormatter(formatter)

    def atoms(
        self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta
    ) -> dict[str, Any]:
        """Return what a line about a request consists of.

        gunicorn also copies all headers and the environment, for formats that name some of them.
        """
        if self.cfg.access_log_format not in (ACCESS, ACCESS_WITHOUT_QUERY):
            return dict(super().atoms(resp, req, environ, request_time))
        method, protocol = environ["REQUEST_METHOD"], environ["SERVER_PROTOCOL"]
        return {
            "h": environ.get("REMOTE_ADDR", "-"),
            "m": method,
            "U": environ["PATH_INFO"],
            "H": protocol,
            "r": f"{method} {environ['RAW_URI']} {protocol}",
            "s": resp.status.split(None, 1)[0],
            "b": str(resp.sent),
            "B": resp.sent,
            "M": request_time // _MILLISECOND,
            _REQUEST_ID: dict(resp.headers).get(HEADER, "-"),
        }


class AccessFormatter(JsonFormatter):
    """Writes a request's method, path, status, bytes and milliseconds as fields."""

    def fields_of(self, record: logging.LogRecord) -> Mapping[str, object]:
        """Return the fields of a request."""
        atoms = record.args
        if not isinstance(atoms, Mapping):
            return super().fields_of(record)
        found = {name: atoms.get(atom) for name, atom in _ATOMS.items()}
        status = str(found["status"])
        return found | {
            "status": int(status) if status.isdigit() else status,
            "request": atoms.get(_REQUEST_ID),
        }
