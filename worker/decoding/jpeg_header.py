"""The kind of a JPEG: which ones libjpeg reads, in a time that its size bounds."""

from __future__ import annotations

# Markers: they begin with this byte, which may be repeated.
_MARKER = 0xFF
# Begins a scan; the data of one cannot contain it.
_SCAN = 0xDA
# Markers that begin a frame (DHT, JPG and DAC in their range do not), and those that libjpeg reads:
# baseline, extended, progressive, lossless, and with arithmetic coding.
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_READ = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
# Each scan of a progressive JPEG passes over all pixels; encoders write about a dozen.
_SCANS_MAX = 100


def is_readable(data: bytes) -> bool:
    """Return whether libjpeg reads this kind of JPEG, as far as its header tells."""
    frame = _frame(data)
    if frame in _PROGRESSIVE:
        return data.count(bytes((_MARKER, _SCAN))) <= _SCANS_MAX
    return frame is None or frame in _READ


def _frame(data: bytes) -> int | None:
    """Return the marker of the first frame; None if the header breaks off or is damaged."""
    at = 2
    while at + 4 <= len(data) and data[at] == _MARKER:
        marker = data[at + 1]
        if marker in _FRAMES:
            return marker
        if marker == _SCAN:
            return None
        at += 1 if marker == _MARKER else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
