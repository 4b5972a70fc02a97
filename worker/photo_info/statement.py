"""Statements: what one block of metadata says of its picture."""

from __future__ import annotations

from dataclasses import dataclass

from common.images.photo_info import Location


@dataclass(frozen=True, slots=True)
class Statement:
    """What EXIF, XMP or IPTC says; None and empty are unsaid.

    Attributes:
        taken_at: When the picture was taken; times are as in ``PhotoInfo``.
        digitized_at: When it became a file: the same for a digital camera.
        camera: The camera.
        lens: The lens.
        orientation: EXIF's orientation, 1 to 8.
        location: Where it was taken, without the place's name.
        description: A description in a known encoding.
        remarks: Texts that are less likely to be a description, the best one first.
        keywords: Keywords, possibly several times.
    """

    taken_at: str | None = None
    digitized_at: str | None = None
    camera: str | None = None
    lens: str | None = None
    orientation: int | None = None
    location: Location | None = None
    description: str | None = None
    remarks: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
