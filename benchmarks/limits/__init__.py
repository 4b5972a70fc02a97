"""The limits: what the service is built from, each alone on the machine.

    python -m benchmarks.limits --photos DIR --json out.json

Each measurement is a module; the encoder's is that of ``benchmarks.ingest``.
"""
