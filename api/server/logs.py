"""gunicorn's log in the form of the settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gunicorn.config import Config
from gunicorn.glogging import Logger

from common.logs.configure import configure_logs
from common.logs.formats import JsonFormatter
from common.settings import load_settings

# A line for each request. The query may contain the name of a picture.
ACCESS = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms %({x-request-id}o)s'
ACCESS_WITHOUT_QUERY = '%(h)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms %({x-request-id}o)s'

# gunicorn's atoms of a request, by the names of their fields.
_ATOMS = {"client": "h", "method": "m", "path": "U", "status": "s", "bytes": "B", "ms": "M"}
_REQUEST_ID = "{x-request-id}o"


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
