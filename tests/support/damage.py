"""Data corruption: bytes truncated, duplicated or changed anywhere."""

from __future__ import annotations

from hypothesis import strategies as st

# The position as a fraction of the length, the kind of damage, and its operand.
DAMAGE = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(["flip", "set", "cut", "drop", "double"]),
    st.binary(),
)


def damaged(data: bytes, damage: list[tuple[float, str, bytes]]) -> bytes:
    """Return the bytes with all of the damage applied in order."""
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
