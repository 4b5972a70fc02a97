"""Response models of photo info: what a picture's file says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from api.schemas.answer import Answer
from common.images import photo_info


@dataclass(slots=True)
class Location(Answer):
    """Where a picture was taken, in WGS 84."""

    latitude: Annotated[float, Field(ge=-90, le=90, description="Degrees north.")]
    longitude: Annotated[float, Field(ge=-180, le=180, description="Degrees east.")]
    altitude: Annotated[float | None, Field(description="Metres above sea level.")]
    country: Annotated[str | None, Field(description="ISO 3166-1 alpha-2 code.")]
    town: Annotated[str | None, Field(description="The nearest town.")]

    @classmethod
    def of(cls, location: photo_info.Location) -> Location:
        """Build the response model of a location."""
        return cls(
            latitude=location.latitude,
            longitude=location.longitude,
            altitude=location.altitude,
            country=location.country,
            town=location.town,
        )


@dataclass(slots=True)
class Photo(Answer):
    """What a picture's file says of itself in EXIF, XMP and IPTC."""

    taken_at: Annotated[
        str | None,
        Field(
            description="RFC 3339, without an offset from UTC if the file names none; filters read"
            " such a time as UTC."
        ),
    ]
    camera: Annotated[str | None, Field(description="Maker and model.")]
    lens: str | None
    orientation: Annotated[
        int | None,
        Field(
            ge=1,
            le=8,
            description="As in EXIF; the image's width and height are of the upright picture.",
        ),
    ]
    location: Location | None
    description: str | None
    keywords: list[str]

    @classmethod
    def of(cls, photo: photo_info.PhotoInfo) -> Photo:
        """Build the response model of photo info."""
        return cls(
            taken_at=photo.taken_at,
            camera=photo.camera,
            lens=photo.lens,
            orientation=photo.orientation,
            location=None if photo.location is None else Location.of(photo.location),
            description=photo.description,
            keywords=photo.keywords,
        )
