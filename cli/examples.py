"""Photographs for the demo, taken from the example data of installed packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from cli.bulk.pictures import Picture, find_pictures
from cli.errors import NothingToIngest

# File names of the photographs by package and folder.
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

# chelsea.png shows a cat.
EXAMPLE_QUERY = "a cat"


def example_photos() -> list[Picture]:
    """Return the installed photographs.

    Raises:
        NothingToIngest: None of the packages is installed.
    """
    files = [
        _folder(package) / folder / name
        for (package, folder), names in _PHOTOS.items()
        for name in names
    ]
    found = [file for file in files if file.is_file()]
    if not found:
        raise NothingToIngest(
            "The demo's photographs come with scikit-image and scikit-learn, which are not"
            " installed. Run pip install 'glimpse[demo]', or set PHOTOS to a folder of pictures."
        )
    return list(find_pictures(found, []))


def _folder(package: str) -> Path:
    # Importing the package would take a second.
    spec = importlib.util.find_spec(package)
    return Path(spec.origin if spec and spec.origin else "").parent
