"""What an upload may keep beside its images, at most; filters ask for nothing longer."""

from __future__ import annotations

# Tags of an image, and characters of one.
TAGS_MAX, TAG_CHARACTERS_MAX = 64, 128
# Characters of a key of the caller's own, and of a text in it.
KEY_CHARACTERS_MAX, VALUE_CHARACTERS_MAX = 64, 1024
# Largest whole number that a double holds exactly, and so JSON does.
INTEGER_MAX = 2**53
