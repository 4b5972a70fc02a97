"""How quickly pictures get in, beside the plain way and the model's own limit.

    python -m benchmarks.ingest --photos DIR --json out.json

Each measure is a module: ``encoding`` compares ``tutorial``, ``limit`` and ``glimpse`` with each
other, round by round; ``free_model`` and ``jobs`` stand by themselves.
"""
