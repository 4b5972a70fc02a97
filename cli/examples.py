"""Photographs that installed packages ship, for a demo without any of one's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from cli.errors import NothingToIngest
from cli.pictures import Picture, find_pictures

# Photographs among the example data of packages, by package and folder in it.
_PHOTOS = {
    ("skimage", "data"): (
        "astronaut.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "hubble_deep_field.jpg",
        "moon.png",
        "motorcycle_left.png",
        "retina.jpg",
        "rocket.jpg",
    ),
    ("sklearn", "datasets/images"): ("china.jpg", "flower.jpg"),
}

# What those photographs answer: chelsea.png shows one.
EXAMPLE_QUERY = "a cat"


def example_photos() -> list[Picture]:
    """Return the photographs that are installed.

    Raises:
        NothingToIngest: None of the packages is there.
    """
    files = [
        _folder(package) / folder / name
        for (package, folder), names in _PHOTOS.items()
        for name in names
    ]
    found = [file for file in files if file.is_file()]
    if not found:
        raise NothingToIngest(
            "The demo's photographs come with the packages scikit-image and scikit-learn, which"
            " are not installed: pip install 'glimpse[demo]', or give a folder with PHOTOS=."
        )
    return list(find_pictures(found, []))


def _folder(package: str) -> Path:
    # The package is not imported, which would take a second.
    spec = importlib.util.find_spec(package)
    return Path(spec.origin if spec and spec.origin else "").parent
