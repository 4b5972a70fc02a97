"""How gunicorn serves the API; its own flags and GUNICORN_CMD_ARGS come before this."""

import os

# Processes; threads within them wait for workers' answers without holding a core.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 16
worker_class = "gthread"

# Seconds that an idle connection is kept for its next request.
keepalive = 15
# Seconds that requests in hand get at shutdown.
graceful_timeout = 30
# Seconds after which a process that serves nobody any more is replaced.
timeout = 60

accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms %({x-request-id}o)s'
# The control socket of gunicorn 25 and later serves nobody here.
control_socket_disable = True
