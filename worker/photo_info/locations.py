"""Locations in metadata: degrees, minutes and seconds become degrees."""

from __future__ import annotations

import re
from collections.abc import Sequence

from common.images.photo_info import Location

# XMP's form: degrees, minutes with a fraction or minutes and seconds, and the direction.
_XMP = re.compile(
    r"\s*([0-9]{1,3}),([0-9]{1,2}(?:\.[0-9]{1,12})?)(?:,([0-9]{1,2}(?:\.[0-9]{1,12})?))?([NSEW])\s*"
)
_FRACTION = re.compile(r"\s*(-?[0-9]{1,10})(?:/([0-9]{1,10}))?\s*")
_DIRECTIONS = {"N": 1, "S": -1, "E": 1, "W": -1}
# Decimals of a degree and of a metre: about a centimetre each.
_DEGREE_DECIMALS, _METRE_DECIMALS = 7, 2
# Metres of the lowest and of the highest altitude that is believed: from the deepest sea to space.
_ALTITUDE_MIN, _ALTITUDE_MAX = -12_000, 100_000


def location_of(
    latitude: float | None, longitude: float | None, altitude: float | None
) -> Location | None:
    """Return a location; None if it is incomplete, impossible, or the zeros of a lost receiver."""
    if latitude is None or longitude is None or not (latitude or longitude):
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    if altitude is not None and not _ALTITUDE_MIN <= altitude <= _ALTITUDE_MAX:
        altitude = None
    return Location(
        latitude=round(latitude, _DEGREE_DECIMALS),
        longitude=round(longitude, _DEGREE_DECIMALS),
        altitude=None if altitude is None else round(altitude, _METRE_DECIMALS),
    )


def fractions(values: Sequence[int]) -> list[float]:
    """Return EXIF's fractions, given as pairs of integers.

    Raises:
        ZeroDivisionError: One of them is no number.
    """
    return [above / below for above, below in zip(values[::2], values[1::2], strict=True)]


def degrees(parts: Sequence[float], direction: str) -> float | None:
    """Return degrees of degrees, minutes and seconds; None if they are none."""
    sign = _DIRECTIONS.get(direction)
    whole, minutes, seconds = [*parts, 0.0, 0.0][:3] if parts else (-1, 0, 0)
    if sign is None or whole < 0 or not 0 <= minutes <= 60 or not 0 <= seconds <= 60:
        return None
    return sign * (whole + minutes / 60 + seconds / 3600)


def parse_degrees(text: str) -> float | None:
    """Return degrees in XMP's form, such as ``47,36.5N``; None if they are none."""
    found = _XMP.fullmatch(text)
    if found is None:
        return None
    *parts, direction = found.groups(default="0")
    return degrees([float(part) for part in parts], direction)


def parse_fraction(text: str) -> float | None:
    """Return a fraction in XMP's form, such as ``1234/10``; None if it is none."""
    found = _FRACTION.fullmatch(text)
    if found is None or (found[2] and not int(found[2])):
        return None
    return int(found[1]) / int(found[2] or 1)
