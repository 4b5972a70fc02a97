"""IPTC-IIM: reads the datasets that newspapers' programs write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial

from worker.photo_info.statement import Statement
from worker.photo_info.texts import TEXT_BYTES_MAX, decode_text
from worker.photo_info.times import parse_time

_HEAD, _MARK = struct.Struct(">BBBH"), 0x1C
# The bit of a length that makes it the number of bytes of the length that follows.
_EXTENDED = 0x8000
# Datasets, as pairs of record and number.
_CHARSET = (1, 90)
_KEYWORD, _DESCRIPTION = (2, 25), (2, 120)
_DATE, _TIME, _DIGITAL_DATE, _DIGITAL_TIME = (2, 55), (2, 60), (2, 62), (2, 63)
_WANTED = (_CHARSET, _KEYWORD, _DESCRIPTION, _DATE, _TIME, _DIGITAL_DATE, _DIGITAL_TIME)
# The escape sequence of ISO 2022 that declares UTF-8.
_UTF_8 = b"\x1b%G"
# Maximum number of datasets that are looked at, and of keywords.
_DATASETS_MAX, _VALUES_MAX = 4096, 256

_Values = dict[tuple[int, int], list[bytes]]


def read_iptc(data: bytes) -> Statement:
    """Return what IPTC says."""
    values: _Values = {}
    for key, value in _datasets(data):
        found = values.setdefault(key, [])
        if len(found) < _VALUES_MAX:
            found.append(value)
    decode = _decoder(values)
    return Statement(
        taken_at=_time(values, _DATE, _TIME),
        digitized_at=_time(values, _DIGITAL_DATE, _DIGITAL_TIME),
        description=decode(_first(values, _DESCRIPTION)),
        keywords=tuple(map(decode, values.get(_KEYWORD, ()))),
    )


def _datasets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield datasets, up to damage."""
    at = max(0, data.find(_MARK))
    for _ in range(_DATASETS_MAX):
        if at + _HEAD.size > len(data):
            return
        mark, record, number, length = _HEAD.unpack_from(data, at)
        if mark != _MARK:
            return
        at += _HEAD.size
        if length & _EXTENDED:
            size = length ^ _EXTENDED
            length = int.from_bytes(data[at : at + min(size, 8)], "big")
            at += size
        if (record, number) in _WANTED:
            yield (record, number), data[at : at + min(length, TEXT_BYTES_MAX)]
        at += length


def _decoder(values: _Values) -> Callable[[bytes], str]:
    if _first(values, _CHARSET).startswith(_UTF_8):
        return lambda data: data.decode(errors="replace")
    texts = [*values.get(_DESCRIPTION, ()), *values.get(_KEYWORD, ())]
    return partial(decode_text, sample=b"\n".join(texts))


def _time(values: _Values, date: tuple[int, int], time: tuple[int, int]) -> str | None:
    day, moment = (_first(values, key).decode("latin-1") for key in (date, time))
    return parse_time(f"{day} {moment}") or parse_time(day)


def _first(values: _Values, key: tuple[int, int]) -> bytes:
    return next(iter(values.get(key, ())), b"")
