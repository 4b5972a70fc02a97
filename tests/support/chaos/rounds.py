"""How often an attack is made: once or twice in `make test`, as often as one likes by itself."""

from __future__ import annotations

import os


def rounds(default: int) -> int:
    """Return the rounds that ``make test-chaos ROUNDS=n`` asks for, or a few."""
    return int(os.environ.get("ROUNDS") or default)
