"""The port that Prometheus scrapes a worker's metrics from."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, start_http_server

from common.errors import InvalidSettings
from common.settings import Settings

log = logging.getLogger(__name__)


def expose(registry: CollectorRegistry, settings: Settings) -> None:
    """Serve a registry until the process ends, if the settings say where.

    Raises:
        InvalidSettings: The address cannot be listened on.
    """
    address = settings.metrics_bind
    if address is None:
        return
    try:
        start_http_server(address.port, address.host, registry)
    except OSError as error:
        raise InvalidSettings(
            f"GLIMPSE_METRICS_BIND={address} cannot be listened on: {error.strerror or error}. "
            "Each worker on a machine needs a port of its own."
        ) from error
    log.info("metrics.exposed address=%s", address)
