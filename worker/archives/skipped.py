"""What an archive contains besides pictures, counted by kind."""

from __future__ import annotations

from collections import Counter

# Maximum number of kinds; files of further kinds are counted as others.
KINDS_MAX = 32
# Maximum characters of a kind; of a longer one, the end is kept.
KIND_CHARACTERS_MAX = 100

# The kinds that are not a suffix, the name of a folder or that of an archive.
HIDDEN, LINK, NO_SUFFIX, OTHERS = "hidden", "link or device", "no suffix", "others"


class Skipped:
    """Counts the skipped files of an archive."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        """Count a file of this kind."""
        kind = kind[-KIND_CHARACTERS_MAX:]
        if kind not in self._counts and len(self._counts) >= KINDS_MAX:
            kind = OTHERS
        self._counts[kind] += 1

    @property
    def counts(self) -> dict[str, int]:
        """The number of files by kind, in the order in which the kinds were found."""
        return dict(self._counts)
