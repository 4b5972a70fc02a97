"""The ``glimpse`` command: a client of the HTTP API, and ``glimpse up``."""
