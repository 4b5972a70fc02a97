"""Bounds on filters within filters."""

from __future__ import annotations

from collections.abc import Mapping

# Maximum levels of filters within filters; the outermost filter is the first level.
LEVELS_MAX = 8
# Maximum number of conditions of a filter and of all filters within it.
CONDITIONS_MAX = 64


def check_levels(value: object, levels: int = LEVELS_MAX) -> None:
    """Check how deep a filter nests, before it is validated level by level.

    Raises:
        ValueError: It has more levels.
    """
    if not isinstance(value, Mapping):
        return
    if levels == 0:
        raise ValueError(f"nest filters at most {LEVELS_MAX} levels deep")
    lists = [value.get(name) for name in ("and", "or")]
    inner = [each for found in lists if isinstance(found, list) for each in found]
    for each in (*inner, value.get("not")):
        check_levels(each, levels - 1)
