"""Configures a process's log."""

from __future__ import annotations

import logging
import sys

from common.logs.formats import JsonFormatter, TextFormatter
from common.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Write the lines of all loggers to stderr, in the form and from the level of the settings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for client in ("httpx", "httpx2", "boto3", "botocore", "s3transfer", "urllib3"):
        # They log each request's address, which may be signed.
        logging.getLogger(client).setLevel(logging.WARNING)
