"""Places: the countries and towns of coordinates."""

from __future__ import annotations

import pytest

from common.images.photo_info import Location
from tests.support import photo_info as made
from worker.photo_info.places import Places, shared_places
from worker.photo_info.reader import PhotoInfoReader


@pytest.mark.parametrize(
    ("latitude", "longitude", "country", "town"),
    [
        (52.52, 13.405, "DE", "Berlin"),
        (40.758, -73.9855, "US", "New York City"),
        (-33.8568, 151.2153, "AU", "Sydney"),
        # Twin towns on both sides of a border.
        (47.5936, 7.6110, "DE", "Weil am Rhein"),
        (47.5565, 7.5925, "CH", "Basel"),
        (47.6603, 9.1758, "DE", "Konstanz"),
        (47.6458, 9.1783, "CH", "Kreuzlingen"),
        (31.7386, -106.4870, "MX", "Ciudad Juárez"),
        # Across the line where the date changes.
        (-16.78, -179.99, "FJ", "Savusavu"),
        # In the middle of an ocean.
        (-54.4, 3.4, None, None),
        (90.0, 0.0, None, None),
    ],
)
def test_coordinates_are_in_a_town(
    latitude: float, longitude: float, country: str | None, town: str | None
) -> None:
    location = shared_places().named(Location(latitude=latitude, longitude=longitude))
    assert (location.country, location.town) == (country, town)


def test_the_reader_names_the_place() -> None:
    exif = made.exif(location={1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    info = PhotoInfoReader().read(made.jpeg(exif), "JPEG")
    assert info is not None
    assert info.location == Location(latitude=52.52, longitude=13.405, country="DE", town="Berlin")


def test_without_the_package_a_location_has_no_name() -> None:
    location = Location(latitude=52.52, longitude=13.405)
    assert Places("no_such_package").named(location) == location
