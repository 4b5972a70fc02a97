"""Circles on the Earth, and the boxes around them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.filters.model import Near
from tests.support.filters import LATITUDES, LONGITUDES, RADII
from worker.stores.circle import Box, box_around, box_within, distance_km, is_inside

_LATITUDES = st.sampled_from(LATITUDES) | st.floats(-90, 90)
_LONGITUDES = st.sampled_from(LONGITUDES) | st.floats(-180, 180)
_CIRCLES = st.builds(
    Near, latitude=_LATITUDES, longitude=_LONGITUDES, km=st.sampled_from(RADII) | st.floats(1, 2e4)
)


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        # Munich and Berlin; Suva and Apia, across the date line; two places beside a pole.
        ((48.1371, 11.5754), (52.5163, 13.3777), 503.4),
        ((-18.1416, 178.4419), (-13.8333, -171.7667), 1150.9),
        ((89.999, 0.0), (89.999, 180.0), 0.2224),
        ((-90.0, 17.0), (-90.0, -123.0), 0.0),
        ((0.0, -180.0), (0.0, 180.0), 0.0),
        ((0.0, 0.0), (0.0, 180.0), 20_015.1),
    ],
)
def test_a_distance_is_along_a_great_circle(
    one: tuple[float, float], other: tuple[float, float], km: float
) -> None:
    assert distance_km(*one, *other) == pytest.approx(km, rel=1e-3, abs=1e-6)
    assert distance_km(*other, *one) == distance_km(*one, *other)


@settings(max_examples=300)
@given(_CIRCLES, _LATITUDES, _LONGITUDES, st.floats(0, 1))
@example(Near(latitude=-38.10036997512536, longitude=-180.0, km=14245.0), 90.0, -180.0, 0.0)
def test_the_box_contains_the_circle(
    circle: Near, latitude: float, longitude: float, share: float
) -> None:
    # Also the places on the way to the centre, which is where the circle ends.
    for part in (0.0, share, 1.0):
        north = circle.latitude + part * (latitude - circle.latitude)
        east = circle.longitude + part * (longitude - circle.longitude)
        # Rounding may lead past a pole.
        is_place = abs(north) <= 90 and abs(east) <= 180
        if is_place and is_inside(circle, north, east):
            assert contains(box_around(circle), north, east)


@settings(max_examples=300)
@given(_CIRCLES, st.floats(0, 1), st.floats(0, 1))
def test_the_circle_contains_the_box_within(circle: Near, up: float, across: float) -> None:
    box = box_within(circle)
    if box is None:
        return
    south, north = box.latitudes
    for west, east in box.longitudes:
        # A place anywhere in the box, and a corner.
        assert is_inside(circle, south + up * (north - south), west + across * (east - west))
        assert is_inside(circle, north, east)


def test_the_box_within_covers_most_of_the_circle() -> None:
    box = box_within(Near(latitude=48, longitude=179.9, km=100))
    assert box is not None
    assert box.latitudes == (pytest.approx(47.36, abs=0.01), pytest.approx(48.64, abs=0.01))
    assert sum(east - west for west, east in box.longitudes) == pytest.approx(1.89, abs=0.01)


@pytest.mark.parametrize(
    "circle",
    [
        Near(latitude=89.9, longitude=0, km=100),
        Near(latitude=0, longitude=0, km=20_038),
        Near(latitude=0, longitude=0, km=0.001),
    ],
)
def test_some_circles_have_no_box_within(circle: Near) -> None:
    assert box_within(circle) is None


def contains(box: Box, latitude: float, longitude: float) -> bool:
    across = any(west <= longitude <= east for west, east in box.longitudes)
    return box.latitudes[0] <= latitude <= box.latitudes[1] and across


def test_a_circle_across_the_date_line_has_two_ranges_of_longitudes() -> None:
    box = box_around(Near(latitude=0, longitude=179.5, km=111.2))
    assert box.longitudes == (
        (pytest.approx(178.5, abs=0.01), 180),
        (-180, pytest.approx(-179.5, abs=0.01)),
    )
    assert len(box_around(Near(latitude=0, longitude=-179.5, km=111.2)).longitudes) == 2
    assert len(box_around(Near(latitude=0, longitude=178, km=111.2)).longitudes) == 1


def test_a_circle_around_a_pole_has_every_longitude() -> None:
    box = box_around(Near(latitude=89.5, longitude=20, km=60))
    assert box.longitudes == ((-180, 180),)
    assert box.latitudes == (pytest.approx(88.96, abs=0.01), 90)
    assert box_around(Near(latitude=0, longitude=0, km=20_038)) == Box((-90, 90), ((-180, 180),))
