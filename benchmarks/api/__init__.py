"""Requests per second of the API, compared with a bare Flask view under the same server.

    python -m benchmarks.api --json out.json

No worker runs, so the figures cover only the API and its Redis. They share two cores with the
client, so each rate comes with its CPU time.
"""
