"""Ingest throughput, compared with the plain way and with the model's own limit.

    python -m benchmarks.ingest --photos DIR --json out.json

Each measurement is a module: ``encoding`` compares ``tutorial``, ``limit`` and ``glimpse`` round
by round; ``free_model`` and ``jobs`` are independent.
"""
