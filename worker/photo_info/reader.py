"""The reader: from a file's bytes to its photo info."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from common.images.photo_info import Location, PhotoInfo
from worker.photo_info.containers.blocks import NO_BLOCKS
from worker.photo_info.containers.find import find_blocks
from worker.photo_info.exif import read_exif
from worker.photo_info.iptc import read_iptc
from worker.photo_info.places import Places, shared_places
from worker.photo_info.statement import Statement
from worker.photo_info.texts import clean_description, clean_keywords, clean_name
from worker.photo_info.times import with_offset
from worker.photo_info.xmp import read_xmp

log = logging.getLogger(__name__)

# What is kept: everything, everything but the location, or nothing.
Keep = Literal["all", "no-location", "none"]

_T = TypeVar("_T")


class PhotoInfoReader:
    """Reads photo info; thread-safe. It accepts any bytes and never raises.

    Args:
        keep: What is kept of it.
        places: Names locations.
    """

    def __init__(self, keep: Keep = "all", places: Places | None = None) -> None:
        self._keep = keep
        self._places = places or shared_places()

    def read(self, data: bytes, format: str) -> PhotoInfo | None:  # noqa: A002 - the record's word
        """Return what a file says of its picture; None if it says nothing.

        Args:
            data: The bytes of the whole file.
            format: Its format, one of ``common.images.formats.MEDIA_TYPES``.
        """
        if self._keep == "none":
            return None
        blocks = _up_to_damage(NO_BLOCKS, find_blocks, data, format)
        if blocks is NO_BLOCKS:
            return None
        said = (
            _up_to_damage(Statement(), read_exif, blocks.exif),
            _up_to_damage(Statement(), read_xmp, blocks.xmp),
            _up_to_damage(Statement(), read_iptc, blocks.iptc),
        )
        info = _merged(said, self._located(said))
        return None if info == PhotoInfo() else info

    def _located(self, said: Iterable[Statement]) -> Location | None:
        location = _first(each.location for each in said)
        if location is None or self._keep == "no-location":
            return None
        return _up_to_damage(location, self._places.named, location)


def _up_to_damage(otherwise: _T, read: Callable[..., _T], *arguments: Any) -> _T:
    """Return what a parser returns for foreign bytes."""
    try:
        return read(*arguments)
    except Exception:
        # On damaged bytes parsers and libraries raise almost any exception. None of them is a
        # reason to lose the rest.
        log.debug("photo_info.damaged", exc_info=True)
        return otherwise


def _merged(said: tuple[Statement, Statement, Statement], location: Location | None) -> PhotoInfo:
    """Return what EXIF, XMP and IPTC say, the first of them first.

    This is the order of the Metadata Working Group's guidelines: cameras and simple programs
    write EXIF alone, and IPTC is often older than the XMP beside it.
    """
    exif, xmp, iptc = said
    remarks = (remark for each in said for remark in each.remarks)
    descriptions = (exif.description, xmp.description, iptc.description, *remarks)
    return PhotoInfo(
        taken_at=_taken_at(said),
        camera=exif.camera or xmp.camera,
        lens=clean_name(exif.lens) or clean_name(xmp.lens),
        orientation=_first(each.orientation for each in said if each.orientation in range(1, 9)),
        location=location,
        description=_first(map(clean_description, descriptions)),
        keywords=clean_keywords(keyword for each in (xmp, iptc, exif) for keyword in each.keywords),
    )


def _taken_at(said: tuple[Statement, ...]) -> str | None:
    times = [each.taken_at for each in said] + [each.digitized_at for each in said]
    known = [time for time in times if time is not None]
    return with_offset(known[0], known) if known else None


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)
