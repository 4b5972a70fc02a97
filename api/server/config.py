"""gunicorn's configuration; command-line flags and GUNICORN_CMD_ARGS take precedence."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

# Imported before the fork, so that the processes share the modules that the app needs: each
# starts in a third of the CPU time, and the memory is used once.
import api.services  # noqa: F401
from api.health import shared_metrics
from api.http.stream_slots import close_with
from api.server.logs import ACCESS, ACCESS_WITHOUT_QUERY, ServerLogger
from api.webhooks.sender import connect_sender
from common.allocator import share_arena
from common.api_processes import api_processes
from common.errors import BrokerUnavailable, SetupError
from common.exit_codes import status_of
from common.garbage import ignore_what_exists
from common.redis.client import connect
from common.redis.time import SKEW_S_MAX, RedisClock
from common.settings import load_settings
from common.start_check import check_start
from common.traces.spans import begin_tracing, end_tracing

log = logging.getLogger(__name__)

# Processes, and threads per process. Waiting threads use no core, and threads are started only
# when needed.
workers = api_processes(os.environ)
_settings = load_settings()
threads = _settings.api_threads
worker_class = "api.server.worker.ProblemWorker"

# Maximum connections per process, including idle ones. Each is an open file, and the limit of
# open files is often 1024.
worker_connections = 512
# Seconds that an idle connection is kept open for its next request.
keepalive = 15
# Seconds that requests in progress get at shutdown.
graceful_timeout = 30
# Seconds without a heartbeat after which gunicorn replaces a hung process.
timeout = 60
# gunicorn's sendfile waits for slow readers without a time limit.
sendfile = False

loglevel = _settings.log_level
logger_class = ServerLogger
accesslog = "-"
access_log_format = ACCESS if _settings.log_names else ACCESS_WITHOUT_QUERY
# The control socket of gunicorn 25 and later is not used.
control_socket_disable = True

# Paths that monitoring requests every few seconds.
_MONITORING = frozenset({"/healthz", "/readyz", "/metrics"})


def on_starting(server: Any) -> None:
    """Refuse settings that Redis or the blob store will never accept, and newer data.

    Without Redis, the API answers 503 until it returns. The processes that are started afterwards
    inherit how memory is allocated, and share the modules.
    """
    del server
    share_arena()
    ignore_what_exists()
    shared_metrics.begin()
    try:
        with connect(_settings.redis) as redis:
            check_start(_settings, redis)
            skew_s = round(RedisClock(redis).skew_s(), 1)
        if abs(skew_s) > SKEW_S_MAX:
            log.warning("clock.skewed name=api ahead_s=%s", skew_s)
    except SetupError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        sys.exit(status_of(error))
    except BrokerUnavailable as error:
        log.warning("redis.unavailable %s", error)


def on_exit(server: Any) -> None:
    """Remove what the processes shared."""
    del server
    shared_metrics.end()


def post_worker_init(worker: Any) -> None:
    """Prepare a worker process before it serves requests."""
    worker.webhooks = connect_sender(_settings)
    worker.webhooks.start()
    # Otherwise event streams would delay shutdown until they end.
    close_with(worker.wsgi, lambda: not worker.alive)
    begin_tracing(_settings.traces_url, "glimpse-api")
    # Monitoring requests would drown all others in the access log.
    logging.getLogger("gunicorn.access").addFilter(_is_not_monitoring)
    ignore_what_exists()


def worker_exit(server: Any, worker: Any) -> None:
    """Finish what a worker process does besides requests; it may have failed to start."""
    del server
    if sender := getattr(worker, "webhooks", None):
        sender.stop()
    end_tracing()


def _is_not_monitoring(record: logging.LogRecord) -> bool:
    return not isinstance(record.args, dict) or record.args.get("U") not in _MONITORING
