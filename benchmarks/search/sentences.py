"""Distinct query sentences of realistic length."""

from __future__ import annotations

_KINDS = ("small", "white", "old", "red", "sleepy", "wooden", "shiny", "striped", "broken", "tiny")
_THINGS = (
    "dog",
    "piano",
    "butterfly",
    "motorbike",
    "chair",
    "lobster",
    "airplane",
    "sunflower",
    "camera",
    "elephant",
    "lamp",
    "ferry",
    "owl",
    "umbrella",
    "stop sign",
    "watch",
    "guitar",
    "kangaroo",
    "pizza",
    "helicopter",
)
_PLACES = (
    "on a table",
    "in the snow",
    "by the sea",
    "under a tree",
    "in a kitchen",
    "at night",
    "on the grass",
    "in a museum",
    "before a wall",
    "in the rain",
    "on a street",
    "in the mountains",
)


def sentence(number: int) -> str:
    """Return a number's sentence; once combinations run out, a counter is appended."""
    rest, kind = divmod(number, len(_KINDS))
    rest, thing = divmod(rest, len(_THINGS))
    again, place = divmod(rest, len(_PLACES))
    text = f"a {_KINDS[kind]} {_THINGS[thing]} {_PLACES[place]}"
    return f"{text} {again}" if again else text
