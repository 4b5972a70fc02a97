"""Rounds per attack: few in `make test`, configurable in `make test-chaos`."""

from __future__ import annotations

import os


def rounds(default: int) -> int:
    """Return the rounds set by ``make test-chaos ROUNDS=n``, or a default."""
    return int(os.environ.get("ROUNDS") or default)
