"""Conditions on photo info as command arguments: times, and circles on the map."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

_LATITUDE_MAX, _LONGITUDE_MAX = 90.0, 180.0


class Moment(click.ParamType[str]):
    """A date or a time, such as 2026-01-31 or 2026-01-31T12:00:00+01:00; UTC by default."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the time in RFC 3339."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a time; give one such as 2026-01-31 or 2026-01-31T12:00:00Z.",
                param,
                ctx,
            )
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


class Circle(click.ParamType[dict[str, float]]):
    """A point and a radius: ``LATITUDE,LONGITUDE,KM``."""

    name = "circle"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        """Return the condition in the format of the API."""
        try:
            latitude, longitude, km = map(float, value.split(","))
        except ValueError:
            self.fail(
                f"{value!r} is not LATITUDE,LONGITUDE,KM; give numbers such as 48.14,11.58,5.",
                param,
                ctx,
            )
        if not (abs(latitude) <= _LATITUDE_MAX and abs(longitude) <= _LONGITUDE_MAX and km > 0):
            self.fail(
                "Give a latitude from -90 to 90, a longitude from -180 to 180, and more than 0 km.",
                param,
                ctx,
            )
        return {"latitude": latitude, "longitude": longitude, "km": km}


def photo_filter(
    *,
    taken_after: str | None,
    taken_before: str | None,
    camera: str | None,
    near: dict[str, float] | None,
) -> dict[str, Any]:
    """Return the conditions that are given, in the format of the API."""
    taken = {"gte": taken_after, "lt": taken_before}
    taken = {operator: moment for operator, moment in taken.items() if moment is not None}
    conditions = {
        "taken_at": taken or None,
        "camera": None if camera is None else {"prefix": camera},
        "near": near,
    }
    return {name: condition for name, condition in conditions.items() if condition is not None}
