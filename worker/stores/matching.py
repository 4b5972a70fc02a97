"""Matching: the reference semantics of filters, which every vector store implements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.contract import ImageRecord, MetadataValue
from common.filters.model import CameraName, Filter, Moment, Near, Tags
from common.filters.values import read_time
from common.images.photo_info import Location, PhotoInfo
from common.rfc3339 import EPOCH, MILLISECOND
from worker.stores.circle import is_inside
from worker.stores.photo_fields import folded_camera, taken_at_ms

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, operand: value == operand,
    "in": lambda value, operands: value in operands,
    "gt": lambda value, operand: value > operand,
    "gte": lambda value, operand: value >= operand,
    "lt": lambda value, operand: value < operand,
    "lte": lambda value, operand: value <= operand,
    "prefix": lambda value, operand: value.startswith(operand),
    "contains": lambda value, operand: operand in value,
}


def matches(wanted: Filter, record: ImageRecord) -> bool:
    """Return whether an image matches a filter and the filters within it.

    An image without a field meets no condition on it, and so matches the negation of one.
    """
    return (
        _conditions_match(wanted, record)
        and all(matches(each, record) for each in wanted.all_of or ())
        and (wanted.any_of is None or any(matches(each, record) for each in wanted.any_of))
        and (wanted.negated is None or not matches(wanted.negated, record))
    )


def _conditions_match(wanted: Filter, record: ImageRecord) -> bool:
    """Return whether an image meets every condition of a filter's own."""
    plain = ("id", "width", "height", "bytes", "format", "filename")
    return (
        _tags_match(wanted.tags, record.tags)
        and _indexed_match(wanted, record.indexed_at)
        and _photo_matches(wanted, record.photo or PhotoInfo())
        and all(
            _COMPARISONS[operator](getattr(record, name), operand)
            for name in plain
            if (condition := getattr(wanted, name)) is not None
            for operator, operand in condition.operands.items()
        )
        and all(
            key in record.metadata and _own_matches(operator, record.metadata[key], operand)
            for key, condition in wanted.metadata.items()
            for operator, operand in condition.operands.items()
        )
    )


def _tags_match(wanted: Tags | None, tags: list[str]) -> bool:
    if wanted is None:
        return True
    has = set(tags)
    return (
        (wanted.any is None or not has.isdisjoint(wanted.any))
        and (wanted.all is None or has.issuperset(wanted.all))
        and (wanted.none is None or has.isdisjoint(wanted.none))
    )


def _indexed_match(wanted: Filter, indexed_at: str) -> bool:
    if wanted.indexed_at is None:
        return True
    moment = read_time(indexed_at)
    return all(
        _COMPARISONS[operator](moment, read_time(operand))
        for operator, operand in wanted.indexed_at.operands.items()
    )


def _photo_matches(wanted: Filter, photo: PhotoInfo) -> bool:
    return (
        _taken_match(wanted.taken_at, taken_at_ms(photo))
        and _camera_matches(wanted.camera, folded_camera(photo))
        and _place_matches(wanted.near, photo.location)
    )


def _taken_match(wanted: Moment | None, taken_at_ms: int | None) -> bool:
    if wanted is None:
        return True
    # Differences, because a time with an offset may be outside the years of ``datetime``.
    return taken_at_ms is not None and all(
        _COMPARISONS[operator](taken_at_ms * MILLISECOND, read_time(operand) - EPOCH)
        for operator, operand in wanted.operands.items()
    )


def _camera_matches(wanted: CameraName | None, camera: str | None) -> bool:
    if wanted is None:
        return True
    return camera is not None and all(
        _COMPARISONS[operator](camera, operand) for operator, operand in wanted.folded.items()
    )


def _place_matches(wanted: Near | None, place: Location | None) -> bool:
    if wanted is None:
        return True
    return place is not None and is_inside(wanted, place.latitude, place.longitude)


def _own_matches(operator: str, value: MetadataValue, operand: Any) -> bool:
    if operator == "in":
        return any(_own_matches("eq", value, each) for each in operand)
    return _kind(value) == _kind(operand) and _COMPARISONS[operator](value, operand)


def _kind(value: MetadataValue) -> str:
    if isinstance(value, str):
        return "text"
    return "boolean" if isinstance(value, bool) else "number"
