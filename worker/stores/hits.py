"""Hits: what is near, with what a caller is told of it."""

from __future__ import annotations

from common.contract import Hit, ImageRecord
from worker.stores.base import Near


def cosine(product: float) -> float:
    """Return the product of two unit vectors without what rounding has put past one."""
    return min(1.0, max(-1.0, product))


def to_hit(near: Near, record: ImageRecord) -> Hit:
    """Return a row that is near as a hit."""
    return Hit(id=near.image_id, score=near.score, filename=record.filename, tags=list(record.tags))
