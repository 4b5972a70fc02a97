"""Damage to bytes: cut, doubled or changed anywhere, as lines and disks do it, and worse."""

from __future__ import annotations

from hypothesis import strategies as st

# Where the damage is, as a part of the whole, how it is done, and with what.
DAMAGE = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(["flip", "set", "cut", "drop", "double"]),
    st.binary(),
)


def damaged(data: bytes, damage: list[tuple[float, str, bytes]]) -> bytes:
    """Return the bytes after all of the damage, done in its order."""
    for place, how, what in damage:
        at = int(place * len(data))
        end = at + len(what)
        if how == "flip" and data:
            data = data[:at] + bytes([data[at] ^ 1 << len(what) % 8]) + data[at + 1 :]
        elif how == "set":
            data = data[:at] + what + data[end:]
        elif how == "cut":
            data = data[: at + 1]
        elif how == "drop":
            data = data[: at + 1] + data[end + 1 :]
        elif how == "double":
            data = data[:at] + data[at : end * 2] + data[at:]
    return data
