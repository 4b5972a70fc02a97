"""Hits: near rows with the attributes that callers get."""

from __future__ import annotations

from common.contract import Hit, ImageRecord
from worker.stores.base import Near


def cosine(product: float) -> float:
    """Return the dot product of two unit vectors, clamped to [-1, 1] after rounding."""
    return min(1.0, max(-1.0, product))


def to_hit(near: Near, record: ImageRecord) -> Hit:
    """Return the hit for a near row."""
    return Hit(
        id=near.image_id,
        score=near.score,
        filename=record.filename,
        tags=list(record.tags),
        width=record.width,
        height=record.height,
    )
