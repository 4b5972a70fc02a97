"""How gunicorn serves the API; its own flags and GUNICORN_CMD_ARGS come before this."""

from __future__ import annotations

import logging
import os
from typing import Any

from api.http.stream_slots import close_with
from common.settings import load_settings

# Processes, and threads within them; those that wait hold no core, and a thread that was never
# needed is never started.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = load_settings().api_threads
worker_class = "api.server.worker.ProblemWorker"

# Connections of a process, at most, idle ones included: each is an open file, of which a process
# often may have no more than 1024.
worker_connections = 512
# Seconds that an idle connection is kept for its next request.
keepalive = 15
# Seconds that requests in hand get at shutdown.
graceful_timeout = 30
# Seconds after which a process that serves nobody any more is replaced.
timeout = 60
# What sends files for gunicorn waits for a reader without any bound.
sendfile = False

accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms %({x-request-id}o)s'
# The control socket of gunicorn 25 and later serves nobody here.
control_socket_disable = True

# Paths that are asked for every few seconds by whoever watches the service.
_WATCHED = frozenset({"/healthz", "/readyz", "/metrics"})


def post_worker_init(worker: Any) -> None:
    """Prepare a process that is about to serve."""
    # Streams would keep a process that is told to end for as long as they last.
    close_with(worker.wsgi, lambda: not worker.alive)
    # The watchers' requests would hide all others in the access log.
    logging.getLogger("gunicorn.access").addFilter(_is_of_a_caller)


def _is_of_a_caller(record: logging.LogRecord) -> bool:
    return not isinstance(record.args, dict) or record.args.get("U") not in _WATCHED
