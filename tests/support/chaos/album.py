"""Hundreds of photographs for uploads, made distinct or damaged."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path


def album(photos: Path, mark: str, count: int = 990) -> dict[str, bytes]:
    """Return ``count`` photographs by name.

    A mark follows the end of each picture's data, where decoders ignore it, so albums with
    different marks contain the same pictures under different ids. If there are fewer
    photographs than ``count``, they repeat with a different mark.
    """
    paths = sorted(photos.rglob("*.jpg"))
    names = ((path, lap) for lap in range(count) for path in paths)
    return {
        f"{path.parent.name}/{lap}/{path.name}": path.read_bytes() + f"{mark} {lap}".encode()
        for path, lap in islice(names, count)
    }


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Return a file with some bits flipped, truncated, or both."""
    broken = bytearray(data)
    if dice.random() < 0.6:
        for _ in range(dice.choice([1, 2, 8, 64, 512])):
            broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
    if broken == data or dice.random() < 0.4:
        del broken[dice.randrange(len(broken)) :]
    return bytes(broken)
