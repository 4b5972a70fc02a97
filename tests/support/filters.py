"""Filters and records for tests: ordinary ones, and injection attempts."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from common.contract import ImageRecord, MetadataValue
from common.filters.model import Filter
from common.images.formats import MEDIA_TYPES
from common.images.photo_info import Location, PhotoInfo
from common.rfc3339 import rfc3339

# Injection attempts: values that would end a string, list or condition early if not escaped.
BREAKOUTS = [
    '"',
    "'",
    "\\",
    "\\\\",
    '\\"',
    "a\\",
    '" or tenant != "',
    '" or 1 == 1 or "" == "',
    "' or true or '' == '",
    '"] or tenant != "" or tags == ["',
    '") or (tenant != "',
    "\\x22 or 1 == 1",
    "\\u0022",
    "\\101",
    "\\n",
    "%",
    "%dog%",
    "_",
    "a_b",
    "{x}",
    "$meta",
    "\n",
    "\r\n",
    "\t",
    "\x01",
    "\x7f",
    "\u2028",
    "\ufffd",
    "true",
    "1",
    "tenant",
]
WORDS = ["dog", "Dog", "DOG", "dogs", "do", "cat", "é", "e\u0301", "日本", "😀", "a b", "z", "~"]
TEXTS = WORDS + BREAKOUTS
KEYS = [
    "album",
    "Album",
    "größe",
    "a.b",
    "a/b",
    "a~b",
    "a~1b",
    "a][b",
    '"',
    '"] != 5 or metadata["x',
    "'",
    "\\",
    "%",
    "%61lbum",
    "0",
    "1a",
    "a b",
    "\n",
    "tags",
    "日本",
]
NUMBERS: list[int | float] = [
    0,
    1,
    1.0,
    -1,
    2,
    0.5,
    -0.5,
    0.1,
    1e-7,
    1e16,
    -1e300,
    3.0000000000000004,
    2**31,
    2**53,
    -(2**53),
    2**53 - 1,
]
VALUES: list[MetadataValue] = [*TEXTS, *NUMBERS, True, False]
SIZES = [1, 2, 63, 64, 640, 641, 4000, 2**31, 2**40]
# Seconds since 1970; rows keep milliseconds.
MOMENTS = [0.0, 0.001, 1.0, 1769860800.0, 1769860800.124, 1769860800.125, 4102444800.0]
TIMES = [
    *(rfc3339(moment) for moment in MOMENTS),
    "2026-01-31T12:00:00.1245Z",
    "2026-01-31t13:00:00.125+01:00",
    "2026-01-31T00:00:00-12:00",
    "1969-12-31T23:59:59.9999Z",
]
# Times of photos, which need no offset, beside those of filters; the last one is no time.
TAKEN = [*TIMES, "2026-01-31T12:00:00", "0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "soon"]
MODELS = ["Canon EOS 5D", "canon eos 5d", "CANON EOS 6D", "Canon", "STRASSE", "Straße", "İ"]
CAMERAS = [*MODELS, *TEXTS]
# Degrees at which ranges end, and the neighbours of some.
LATITUDES = [-90.0, -89.9999, -45.0, -0.0, 0.0, 1e-7, 48.137, 48.138, 66.5, 89.9999, 90.0]
LONGITUDES = [-180.0, -179.9999, -90.0, 0.0, 1e-7, 11.575, 11.576, 90.0, 179.9999, 180.0]
# From a metre to the whole Earth, in kilometres.
RADII = [0.001, 0.02, 0.2, 1.0, 111.0, 5000.0, 10_007.6, 15_000.0, 20_015.1, 20_038.0]


def records(count: int, seed: int = 7) -> list[ImageRecord]:
    """Return ``count`` random records, reproducible by seed."""
    draw = random.Random(seed)
    return [_record(draw, number) for number in range(count)]


def _record(draw: random.Random, number: int) -> ImageRecord:
    return ImageRecord(
        id=f"{number:064x}",
        filename="/".join(draw.choices(TEXTS, k=draw.choice([1, 1, 2]))),
        bytes=draw.choice(SIZES),
        width=draw.choice(SIZES),
        height=draw.choice(SIZES),
        format=draw.choice(list(MEDIA_TYPES)),
        tags=draw.sample(TEXTS, k=draw.choice([0, 1, 2, 5])),
        metadata={
            key: draw.choice(VALUES) for key in draw.sample(KEYS, k=draw.choice([0, 2, 5, 10]))
        },
        photo=draw.choice([None, _photo(draw), _photo(draw)]),
        indexed_at=rfc3339(draw.choice(MOMENTS)),
    )


def _photo(draw: random.Random) -> PhotoInfo:
    place = Location(latitude=draw.choice(LATITUDES), longitude=draw.choice(LONGITUDES))
    return PhotoInfo(
        taken_at=draw.choice([None, *TAKEN]),
        camera=draw.choice([None, *CAMERAS]),
        location=draw.choice([None, place, place]),
        description=draw.choice([None, *TEXTS]),
        keywords=draw.sample(TEXTS, k=draw.choice([0, 2])),
    )


# Texts allowed in filters: unlike images, filters must not contain line breaks.
ASKED = [text for text in TEXTS if not set(text) & set("\r\n")]
NAMES = [text for text in TEXTS if all(ord(character) >= 0x20 for character in text)]

_TEXT = st.sampled_from(ASKED) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=20
)
_NAME = st.sampled_from(NAMES) | st.text(
    st.characters(exclude_categories=["Cs"], min_codepoint=0x20), min_size=1, max_size=20
)
_NUMBER = st.sampled_from(SIZES) | st.integers(-(2**53), 2**53)
_ORDERED = _TEXT | st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False)
_VALUE = _ORDERED | st.booleans()
_ORDER = ("gt", "gte", "lt", "lte")


def _lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=6)


def _conditions(**operators: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    given = st.fixed_dictionaries({}, optional=operators)
    return given.filter(bool)


def _numbers() -> st.SearchStrategy[Any]:
    operators = dict.fromkeys(("eq", *_ORDER), _NUMBER) | {"in": _lists(_NUMBER)}
    return _NUMBER | _conditions(**operators)


# Of the records, which are numbered.
_IDS = st.integers(0, 40).map(lambda number: f"{number:064x}")
_PREFIXES = st.builds(lambda image, digits: image[:digits], _IDS, st.sampled_from([1, 60, 63, 64]))
_CAMERA = st.sampled_from([*MODELS, *NAMES])
_OWN = _VALUE | _conditions(
    **{"eq": _VALUE, "in": _lists(_VALUE), "contains": _TEXT}, **dict.fromkeys(_ORDER, _ORDERED)
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": _IDS | _conditions(**{"eq": _IDS, "in": _lists(_IDS), "prefix": _PREFIXES}),
    "tags": _conditions(any=_lists(_TEXT), all=_lists(_TEXT), none=_lists(_TEXT)),
    "width": _numbers(),
    "height": _numbers(),
    "bytes": _numbers(),
    "format": st.sampled_from(list(MEDIA_TYPES)),
    "filename": _NAME
    | _conditions(**{"eq": _NAME, "in": _lists(_NAME), "prefix": _NAME, "contains": _NAME}),
    "indexed_at": _conditions(**dict.fromkeys(_ORDER, st.sampled_from(TIMES))),
    "taken_at": _conditions(**dict.fromkeys(_ORDER, st.sampled_from(TIMES))),
    "camera": _CAMERA | _conditions(**{"eq": _CAMERA, "in": _lists(_CAMERA), "prefix": _CAMERA}),
    "near": st.fixed_dictionaries(
        {
            "latitude": st.sampled_from(LATITUDES) | st.floats(-90, 90),
            "longitude": st.sampled_from(LONGITUDES) | st.floats(-180, 180),
            "km": st.sampled_from(RADII) | st.floats(0.001, 20_038),
        }
    ),
}


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    """Draw a filter with a few conditions, and none within it."""
    names = draw(st.lists(st.sampled_from(sorted(_FIELDS)), max_size=2, unique=True))
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=2, unique=True))
    asked = {name: draw(_FIELDS[name]) for name in names}
    return Filter.model_validate(asked | {f"metadata.{key}": draw(_OWN) for key in keys})


@st.composite
def nested_filters(draw: st.DrawFn, levels: int = 3) -> Filter:
    """Draw a filter with filters within it, or an ordinary one."""
    asked = draw(filters()).model_dump(mode="json")
    if levels > 1:
        inner = nested_filters(levels - 1).map(lambda wanted: wanted.model_dump(mode="json"))
        lists = st.lists(inner, min_size=1, max_size=2)
        kinds = st.sampled_from(["and", "or", "not"])
        # Few enough to stay within the number of conditions.
        names = draw(st.lists(kinds, max_size=levels - 1, unique=True))
        asked |= {name: draw(inner if name == "not" else lists) for name in names}
    return Filter.model_validate(asked)
