"""The two forms of a log line: text for people, and one JSON object for programs."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping

from common.logs.context import fields
from common.rfc3339 import rfc3339

# The name of an event, with which Glimpse's own messages begin: "ingest.retry code=...".
_EVENT = re.compile(r"[a-z_]+(?:\.[a-z_]+)+(?= |$)")


class TextFormatter(logging.Formatter):
    """Writes time, level, logger and message, and the fields after it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Return the line without its traceback."""
        # Some messages name a field themselves.
        named = record.getMessage().split()
        found = [f"{name}={value}" for name, value in fields().items()]
        return " ".join([super().formatMessage(record), *(f for f in found if f not in named)])


class JsonFormatter(logging.Formatter):
    """Writes one JSON object per line.

    Its members are ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``event`` if the message begins
    with one, ``message``, ``error`` with the traceback if there is one, and the fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message = record.getMessage()
        line = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if event := _EVENT.match(message):
            line["event"] = event[0]
        line["message"] = message
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps({**line, **self.fields_of(record)}, ensure_ascii=False)

    def fields_of(self, record: logging.LogRecord) -> Mapping[str, object]:
        """Return the fields of a record."""
        del record
        return fields()
