"""How many requests a second the API answers, beside a bare Flask view under the same server.

    python -m benchmarks.api --json out.json

No worker runs: these are figures of the API and its Redis alone. They share their two
processors with the client, so each stands beside what it cost of them.
"""
