"""Circles on the Earth: great-circle distances, and the boxes around circles."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, radians, sin, sqrt

from common.filters.model import Near

# The Earth's mean radius: distances are those on a sphere of this radius.
_EARTH_KM = 6371.0088
# Kilometres by which a box exceeds its circle: more than the rounding of its sides.
_MARGIN_KM = 0.001
_POLE, _DATE_LINE, _TURN = 90.0, 180.0, 360.0


@dataclass(frozen=True, slots=True)
class Box:
    """A range of latitudes, and one or two of longitudes, in degrees; sides belong to it."""

    latitudes: tuple[float, float]
    longitudes: tuple[tuple[float, float], ...]


def is_inside(circle: Near, latitude: float, longitude: float) -> bool:
    """Return whether a place is at most the circle's distance from its centre."""
    return distance_km(circle.latitude, circle.longitude, latitude, longitude) <= circle.km


def distance_km(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Return the great-circle distance between two places, by the haversine formula."""
    north, east = radians(latitude2 - latitude) / 2, radians(longitude2 - longitude) / 2
    parallels = cos(radians(latitude)) * cos(radians(latitude2))
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(sin(north) ** 2 + parallels * sin(east) ** 2)))


def box_around(circle: Near) -> Box:
    """Return a box that contains the whole circle."""
    reach = (circle.km + _MARGIN_KM) / _EARTH_KM
    south, north = circle.latitude - degrees(reach), circle.latitude + degrees(reach)
    latitudes = (max(south, -_POLE), min(north, _POLE))
    if south <= -_POLE or north >= _POLE:
        # It contains a pole, and with it every longitude.
        return Box(latitudes, ((-_DATE_LINE, _DATE_LINE),))
    sideways = degrees(asin(min(1.0, sin(reach) / cos(radians(circle.latitude)))))
    return Box(latitudes, _across(circle.longitude - sideways, circle.longitude + sideways))


def box_within(circle: Near) -> Box | None:
    """Return a box within the circle; None if it would be too small or reach a pole."""
    reach = (circle.km - _MARGIN_KM) / _EARTH_KM
    up = reach / sqrt(2)
    south, north = circle.latitude - degrees(up), circle.latitude + degrees(up)
    if reach <= 0 or south <= -_POLE or north >= _POLE:
        return None
    # The longest of the parallels that the box touches bounds the distance to each of its places.
    widest = cos(radians(max(south, min(north, 0.0))))
    parallels = widest * cos(radians(circle.latitude))
    left = (sin(reach / 2) ** 2 - sin(up / 2) ** 2) / parallels
    sideways = degrees(2 * asin(min(1.0, sqrt(left))))
    return Box((south, north), _across(circle.longitude - sideways, circle.longitude + sideways))


def _across(west: float, east: float) -> tuple[tuple[float, float], ...]:
    """Return a range of longitudes as one range, or as two if it crosses the date line."""
    if west < -_DATE_LINE:
        return (west + _TURN, _DATE_LINE), (-_DATE_LINE, east)
    if east > _DATE_LINE:
        return (west, _DATE_LINE), (-_DATE_LINE, east - _TURN)
    return ((west, east),)
