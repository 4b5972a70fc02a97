"""How an ``open_clip`` model wants its pictures: size, filter, crop and colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.encoders.crop import centre_crop, centre_square, resize

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    # Random in training; open_clip evaluates such models with the bicubic filter.
    "random": Image.Resampling.BICUBIC,
}

_RESIZE_MODES = ("shortest", "longest", "squash")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Resizes and crops pictures as ``open_clip.image_transform`` does.

    The result is identical up to an aspect ratio of 17, and beyond that differs by at most two
    levels of 255 (tests/integration/test_open_clip_parity.py).

    Attributes:
        size: Height and width of the result, in pixels.
        mean: Mean of each colour in the training pictures, from 0 to 1.
        std: Its standard deviation.
        resample: The filter.
        resize_mode: "shortest" crops the centre, "longest" pads, "squash" ignores the aspect ratio.
        fill: Colour of the padding.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: Image.Resampling
    resize_mode: str
    fill: tuple[int, ...]

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Self:
        """Read a model's ``preprocess_cfg``.

        Raises:
            ValueError: A value is missing or unknown.
        """
        try:
            return cls(
                size=_repeated(configuration["size"], 2),
                mean=_repeated(configuration["mean"], 3),
                std=_repeated(configuration["std"], 3),
                resample=_FILTERS[_known(configuration, "interpolation", _FILTERS)],
                resize_mode=_known(configuration, "resize_mode", _RESIZE_MODES),
                fill=_repeated(configuration["fill_color"], 3),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"preprocess_cfg is incomplete: {error}") from error

    @classmethod
    def restored(cls, known: Mapping[str, Any]) -> Self:
        """Return what ``dataclasses.asdict`` made of one, after it has been JSON."""
        return cls(
            size=_repeated(known["size"], 2),
            mean=tuple(known["mean"]),
            std=tuple(known["std"]),
            resample=Image.Resampling(known["resample"]),
            resize_mode=known["resize_mode"],
            fill=tuple(known["fill"]),
        )

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """Prepare an RGB picture: uint8 [height, width, 3]."""
        height, width = self.size
        if self.resize_mode == "squash":
            return np.asarray(resize(image, (width, height), self.resample))
        if self.resize_mode == "longest":
            return np.asarray(self._padded(image))
        if height == width:
            return centre_square(image, width, self.resample)
        # Here, open_clip ignores the configured filter.
        covering = _divided(image, min(image.width / width, image.height / height))
        return np.asarray(centre_crop(image, covering, (width, height), Image.Resampling.BICUBIC))

    def _padded(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        fitting = _divided(image, max(image.width / width, image.height / height))
        canvas = Image.new("RGB", (width, height), self.fill)
        corner = ((width - fitting[0]) // 2, (height - fitting[1]) // 2)
        canvas.paste(resize(image, fitting, self.resample), corner)
        return canvas


def _known(configuration: Mapping[str, Any], key: str, values: Iterable[str]) -> str:
    value = configuration[key]
    if value not in values:
        raise ValueError(f"{key} is {value!r}, not one of {', '.join(values)}")
    return str(value)


def _divided(image: Image.Image, ratio: float) -> tuple[int, int]:
    return max(1, round(image.width / ratio)), max(1, round(image.height / ratio))


def _repeated(value: Any, count: int) -> tuple[Any, ...]:
    """Return one value for each axis or colour; a configuration may give one for all."""
    if isinstance(value, int | float):
        return (value,) * count
    values = tuple(value)
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise ValueError(f"{value} must have {count} values")
    return values
