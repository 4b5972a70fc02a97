"""The HTTP server: gunicorn, its sockets, and deadlines for slow clients."""
