"""How quickly pictures get in, beside the plain way and the model's own limit.

    python -m benchmarks.ingest --photos DIR --rounds 3 --json out.json

Each measure is a module: ``tutorial``, ``limit`` and ``glimpse`` are compared with each
other, round by round; ``ceiling``, ``memory`` and ``jobs`` stand by themselves.
"""
