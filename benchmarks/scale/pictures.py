"""Generated pictures that compress like photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Exponent with which the amplitudes of a generated picture fall with the frequency, and how much
# coarser its colours are than its light: its JPEGs are then as large as those of photographs.
_FALL, _COLOURS_COARSER = 1.3, 4


def generated(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return a picture with a spectrum like a photograph's: little detail, still less colour."""
    random = np.random.RandomState(seed)
    light = Image.fromarray(_noise(random, size, contrast=56))
    coarse = (size[0] // _COLOURS_COARSER, size[1] // _COLOURS_COARSER)
    colours = [Image.fromarray(_noise(random, coarse, contrast=16)) for _ in range(2)]
    return Image.merge("YCbCr", [light, *(colour.resize(size) for colour in colours)]).convert(
        "RGB"
    )


def _noise(
    random: np.random.RandomState, size: tuple[int, int], contrast: float
) -> NDArray[np.uint8]:
    """Return noise whose amplitude falls with the frequency: uint8 [height, width]."""
    width, height = size
    spectrum = np.fft.rfft2(random.standard_normal((height, width)))
    rows, columns = np.fft.fftfreq(height) * height, np.fft.rfftfreq(width) * width
    frequency = np.hypot(rows[:, None], columns)
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency**_FALL, s=(height, width))
    pixels: NDArray[np.uint8] = np.clip(128 + contrast * noise / noise.std(), 0, 255).astype(
        np.uint8
    )
    return pixels
