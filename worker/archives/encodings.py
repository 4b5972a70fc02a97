"""The encoding of names that are not in UTF-8, guessed."""

from __future__ import annotations

from collections.abc import Iterable

from charset_normalizer import from_bytes

# Encodings that programs use for names.
_ENCODINGS = ("cp437", "cp932", "gb18030", "big5", "euc_kr", "cp866", "cp1251", "cp1252")
# Maximum share of unlikely characters in a guess.
_CHAOS_MAX = 0.5


def guess_encoding(names: Iterable[bytes], usual: str) -> str:
    """Return the likely encoding of names that were written by one program.

    Args:
        names: The names.
        usual: The encoding to return if no other is likelier.
    """
    text = b"\n".join(names)
    found = from_bytes(text, cp_isolation=list(_ENCODINGS), threshold=_CHAOS_MAX)
    best = found.best()
    if best is None:
        return usual
    likely = [match.encoding for match in found if match.chaos == best.chaos]
    return usual if usual in likely else best.encoding


def is_utf8(name: bytes) -> bool:
    """Return whether bytes are valid UTF-8."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
