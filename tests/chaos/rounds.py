"""How often a chaos test repeats itself."""

from __future__ import annotations

import os


def rounds(default: int) -> int:
    """Return how many rounds to go: ``ROUNDS`` of the environment, or so many."""
    return int(os.environ.get("ROUNDS") or default)
