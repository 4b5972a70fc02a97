"""The fields of rows that hold photo info."""

from __future__ import annotations

import pytest

from common.images.photo_info import Location, PhotoInfo
from worker.stores.photo_fields import own_photo, stored_photo, taken_at_ms


@pytest.mark.parametrize(
    ("taken_at", "ms"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1970-01-01T00:00:00.0019", 1),
        ("1969-12-31T23:59:59.9999", -1),
        ("0001-01-01T00:00:00+14:00", -62_135_647_200_000),
        ("9999-12-31T23:59:59-12:00", 253_402_343_999_000),
        ("2024-02-30T00:00:00", None),
        (None, None),
    ],
)
def test_a_time_is_in_whole_milliseconds_of_utc(taken_at: str | None, ms: int | None) -> None:
    assert taken_at_ms(PhotoInfo(taken_at=taken_at)) == ms


def test_only_fields_that_have_a_value_are_stored() -> None:
    assert stored_photo(None) == {}
    assert stored_photo(PhotoInfo()) == {"photo": {}}
    place = Location(latitude=48.137, longitude=0)
    stored = stored_photo(PhotoInfo(camera="Canon EOS 5D", location=place, keywords=["kite"]))
    assert list(stored.items()) == [
        ("camera", "canon eos 5d"),
        ("latitude", 48.137),
        ("longitude", 0),
        (
            "photo",
            {
                "camera": "Canon EOS 5D",
                "location": {"latitude": 48.137, "longitude": 0},
                "keywords": ["kite"],
            },
        ),
    ]


def test_photo_info_of_another_version_is_read() -> None:
    assert own_photo(None) is None
    assert own_photo({}) == PhotoInfo()
    later = {"camera": "Canon", "shutter": "1/125", "location": {"latitude": 1, "longitude": 2}}
    assert own_photo(later) == PhotoInfo(camera="Canon", location=Location(latitude=1, longitude=2))
