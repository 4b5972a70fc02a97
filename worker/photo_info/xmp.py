"""XMP: reads a packet of RDF, with a parser that refuses definitions of entities."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.parsers import expat

from worker.photo_info.cameras import camera_name
from worker.photo_info.locations import location_of, parse_degrees, parse_fraction
from worker.photo_info.statement import Statement
from worker.photo_info.times import parse_time

# Namespaces, with the blank that the parser writes before a name.
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_DC = "http://purl.org/dc/elements/1.1/ "
_EXIF, _EXIF_EX = "http://ns.adobe.com/exif/1.0/ ", "http://cipa.jp/exif/1.0/ "
_AUX, _TIFF = "http://ns.adobe.com/exif/1.0/aux/ ", "http://ns.adobe.com/tiff/1.0/ "
_PHOTOSHOP, _XMP = "http://ns.adobe.com/photoshop/1.0/ ", "http://ns.adobe.com/xap/1.0/ "
_LIGHTROOM = "http://ns.adobe.com/lightroom/1.0/ "
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"

# Properties.
_TAKEN, _DATE_CREATED = _EXIF + "DateTimeOriginal", _PHOTOSHOP + "DateCreated"
_DIGITIZED, _CREATED = _EXIF + "DateTimeDigitized", _XMP + "CreateDate"
_MAKE, _MODEL, _ORIENTATION = _TIFF + "Make", _TIFF + "Model", _TIFF + "Orientation"
_LENS_MODEL, _LENS = _EXIF_EX + "LensModel", _AUX + "Lens"
_LATITUDE, _LONGITUDE = _EXIF + "GPSLatitude", _EXIF + "GPSLongitude"
_ALTITUDE, _ALTITUDE_REF = _EXIF + "GPSAltitude", _EXIF + "GPSAltitudeRef"
_DESCRIPTION, _COMMENT, _TITLE = _DC + "description", _EXIF + "UserComment", _DC + "title"
_SUBJECT, _HIERARCHY = _DC + "subject", _LIGHTROOM + "hierarchicalSubject"
_WANTED = frozenset(
    {
        *(_TAKEN, _DATE_CREATED, _DIGITIZED, _CREATED),
        *(_MAKE, _MODEL, _ORIENTATION, _LENS_MODEL, _LENS),
        *(_LATITUDE, _LONGITUDE, _ALTITUDE, _ALTITUDE_REF),
        *(_DESCRIPTION, _COMMENT, _TITLE, _SUBJECT, _HIERARCHY),
    }
)

# Maximum bytes of a packet that are parsed, characters of a text, and values of a property.
_PACKET_BYTES_MAX, _CHARACTERS_MAX, _VALUES_MAX = 1 << 20, 16_384, 256
# Depths below the element of RDF: the subject, its properties, and the items of their lists.
_SUBJECT_DEPTH, _PROPERTY_DEPTH, _ITEM_DEPTH = 1, 2, 4
# Begins the packet, which blanks or a mark of the byte order may precede.
_START = re.compile(rb"<[?A-Za-z]")


class _DoctypeError(Exception):
    """The packet defines entities, which could expand without bounds."""


class _Packet:
    """Collects the properties of a packet's subject, and none of what is nested in them."""

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}
        self._names: list[str] = []
        self._rdf: int | None = None
        self._property: str | None = None
        self._is_default = False
        self._text: list[str] = []
        self._characters = 0

    def parse(self, packet: bytes) -> None:
        """Parse a packet, up to damage."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters_found
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(packet, True)
        except (expat.ExpatError, _DoctypeError):
            return

    def _refuse(self, *_: object) -> None:
        raise _DoctypeError

    @property
    def _depth(self) -> int:
        return -1 if self._rdf is None else len(self._names) - self._rdf

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._rdf is None and name == _RDF + "RDF":
            self._rdf = len(self._names)
        depth = self._depth
        self._is_default = attributes.get(_LANGUAGE) == "x-default"
        if depth == _SUBJECT_DEPTH:
            for attribute, value in attributes.items():
                self._add(attribute, value)
        elif depth == _PROPERTY_DEPTH:
            self._property = name if name in _WANTED else None
        if depth in (_PROPERTY_DEPTH, _ITEM_DEPTH):
            self._text, self._characters = [], 0
        self._names.append(name)

    def _end(self, name: str) -> None:
        self._names.pop()
        depth = self._depth
        if self._property is None:
            return
        is_item = depth == _ITEM_DEPTH and name == _RDF + "li"
        if is_item or (depth == _PROPERTY_DEPTH and self._property not in self.values):
            self._add(self._property, "".join(self._text))
        if depth == _PROPERTY_DEPTH:
            self._property = None

    def _characters_found(self, text: str) -> None:
        if self._property is not None and self._characters < _CHARACTERS_MAX:
            self._text.append(text[:_CHARACTERS_MAX])
            self._characters += len(text)

    def _add(self, name: str, value: str) -> None:
        values = self.values.setdefault(name, []) if name in _WANTED else None
        if values is not None and len(values) < _VALUES_MAX and value.strip():
            # Of a text in several languages, the default one counts.
            values.insert(0 if self._is_default else len(values), value[:_CHARACTERS_MAX])


def read_xmp(packet: bytes) -> Statement:
    """Return what XMP says."""
    begun = _START.search(packet, 0, _PACKET_BYTES_MAX)
    if begun is None:
        return Statement()
    parsed = _Packet()
    parsed.parse(packet[begun.start() : _PACKET_BYTES_MAX])
    values = parsed.values

    def first(*names: str) -> str:
        return next((values[name][0] for name in names if values.get(name)), "")

    return Statement(
        taken_at=parse_time(first(_TAKEN)) or parse_time(first(_DATE_CREATED)),
        digitized_at=parse_time(first(_DIGITIZED)) or parse_time(first(_CREATED)),
        camera=camera_name(first(_MAKE), first(_MODEL)),
        lens=first(_LENS_MODEL, _LENS),
        orientation=_orientation(first(_ORIENTATION)),
        location=location_of(
            parse_degrees(first(_LATITUDE)),
            parse_degrees(first(_LONGITUDE)),
            _altitude(first(_ALTITUDE), first(_ALTITUDE_REF)),
        ),
        description=first(_DESCRIPTION),
        remarks=(first(_COMMENT), first(_TITLE)),
        keywords=(*values.get(_SUBJECT, ()), *_flat(values.get(_HIERARCHY, ()))),
    )


def _flat(paths: Iterable[str]) -> Iterable[str]:
    """Split paths such as "Animals|Dogs" into keywords."""
    return (part for path in paths for part in path.split("|"))


def _orientation(text: str) -> int | None:
    return int(text) if re.fullmatch("[1-8]", text.strip()) else None


def _altitude(text: str, reference: str) -> float | None:
    altitude = parse_fraction(text)
    return -altitude if altitude is not None and reference.strip() == "1" else altitude
