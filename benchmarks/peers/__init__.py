"""Glimpse and other ways to the same search, in turns on the same photographs and model.

    python -m benchmarks.peers --photos DIR --json out.json

Each peer (``peer``) runs in an environment of its own (``benchmarks.environments``), through a
program of ours in ``adapters``. ``foreign`` and ``glimpse`` take the same measurements of both
kinds.
"""
