"""The names in a tar: in UTF-8, or in an encoding that is guessed."""

from __future__ import annotations

from worker.archives.encodings import guess_encoding, is_utf8

# Names that are not in UTF-8 and on which the guess is based: the first ones.
_SAMPLE_NAMES = 20

# The encoding of most systems on which tars were made before UTF-8: Latin-1, with more letters.
_USUAL = "cp1252"


class TarNames:
    """Decodes the names of one tar, which does not tell their encoding.

    A tar is read once, so the guess for a name knows only those before it.
    """

    def __init__(self) -> None:
        self._sample: list[bytes] = []
        self._encoding = ""

    def decode(self, name: str) -> str:
        """Return a name that was decoded as UTF-8 with surrogates for other bytes (PEP 383)."""
        raw = name.encode(errors="surrogateescape")
        if is_utf8(raw):
            return name
        if len(self._sample) < _SAMPLE_NAMES:
            self._sample.append(raw)
            self._encoding = guess_encoding(self._sample, _USUAL)
        return raw.decode(self._encoding, errors="replace")
