"""Photo info: what a picture's file says of itself in EXIF, XMP and IPTC."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

# Maximum characters of a camera, a lens, a country or a town, and of a description.
NAME_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX = 128, 2048
# Maximum number of keywords, and of characters of each.
KEYWORDS_MAX, KEYWORD_CHARACTERS_MAX = 64, 128


class _Part(BaseModel):
    """Base: ignores unknown fields, so that programs of different versions read each other's."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Location(_Part):
    """Where a picture was taken, in WGS 84."""

    # Degrees north and east.
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    # Metres above sea level.
    altitude: float | None = None
    # ISO 3166-1 alpha-2 code of the country, and the name of the nearest town.
    country: str | None = None
    town: str | None = None


class PhotoInfo(_Part):
    """Everything here is optional: files lie, and most say little."""

    # RFC 3339's date-time. Without an offset ("2024-05-01T12:00:00") if the file names none: the
    # camera's local time, which filters and sorting read as UTC.
    taken_at: str | None = None
    # Maker and model, without the maker's name twice: "Canon EOS 5D", "Apple iPhone 12".
    camera: str | None = None
    lens: str | None = None
    # EXIF's orientation, 1 to 8; ``width`` and ``height`` of a record are of the upright picture.
    orientation: int | None = Field(default=None, ge=1, le=8)
    location: Location | None = None
    description: str | None = None
    keywords: list[str] = []
