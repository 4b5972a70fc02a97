"""Faults: what a decoder's exception means to a caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rawpy

from common.errors import (
    DecoderFailed,
    GlimpseError,
    ImageError,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)
from worker.decoding import wholeness

# How decoders begin to say that they do not read a kind of picture.
_REFUSALS = (
    "Unsupported",
    "unsupported",
    "cannot handle",
    "Failed to decode image: Not implemented",
    "Failed to decode image: No codec available",
)
# How libheif, libavif and Pillow's reader of JPEG 2000 begin to say that a file is damaged.
_DAMAGE = ("Invalid", "Unexpected end of file", "Failed to decode", "Marker", "SIZ marker")
# How libheif begins to say that a picture is too large to decode at all.
_TOO_LARGE = "Memory allocation error: Security limit exceeded: Image size"
# Exceptions by which decoders report damaged data. Others are not meant to leave a decoder.
_DAMAGE_TYPES = (OSError, SyntaxError, EOFError, rawpy.LibRawError)
# Pillow's words for a file in which a plug-in finds no picture.
_UNIDENTIFIED = "not identified by this driver"
# Containers of pictures by several encodings; their plug-ins find only those that they decode.
_CONTAINERS = frozenset({"HEIF", "JPEG"})

# Maximum memory per pixel during decoding, in bytes; WebP needs the most.
_BYTES_PER_PIXEL = 16


@contextmanager
def translated(
    name: str, data: bytes = b"", pixels: Callable[[], int] = lambda: 0
) -> Iterator[None]:
    """Translate the exceptions of decoders.

    Args:
        name: The picture's format.
        data: The bytes of the whole file.
        pixels: Returns how many pixels are being decoded, as far as they are known.

    Raises:
        ImageError: The picture is at fault, or its decoder.
        MemoryError: The process is out of memory; the picture may be fine.
    """
    try:
        yield
    except GlimpseError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        if isinstance(error, MemoryError) or _lacks_memory(pixels()):
            raise MemoryError("There is not enough memory to decode the picture.") from error
        raise _fault(error, name, data) from error


def unsupported(name: str) -> UnsupportedFormat:
    """Return the error for a picture of a kind that no decoder here reads."""
    return UnsupportedFormat(
        f"This kind of {name} is not supported. Convert the picture to JPEG, PNG or WebP."
    )


def _fault(error: BaseException, name: str, data: bytes) -> ImageError:
    text = str(error)
    if text.startswith(_TOO_LARGE):
        return TooManyPixels(f"The {name} picture is too large. Send a smaller copy.")
    whole = wholeness.is_whole(data, name)
    if _is_refused(error, text, name, whole=whole):
        return unsupported(name)
    if not whole or isinstance(error, _DAMAGE_TYPES) or text.startswith(_DAMAGE):
        # On damaged bytes decoders raise almost any exception. They all mean the same.
        return TruncatedImage(
            f"The {name} picture is truncated or damaged. Check the file and send it again."
        )
    return DecoderFailed(
        f"The {name} picture could not be decoded, although the file appears to be whole."
        " Convert it to JPEG or PNG and send it again."
    )


def _is_refused(error: BaseException, text: str, name: str, *, whole: bool) -> bool:
    """Return whether a decoder does not read this kind of picture, rather than this file."""
    if isinstance(error, rawpy.LibRawFileUnsupportedError | rawpy.NotSupportedError):
        return True
    if name == "TIFF":
        # Pillow opens a TIFF by looking up its kind; a kind that it opens but cannot unpack
        # raises another error than damaged data does.
        return whole and isinstance(error, SyntaxError | ValueError)
    if text == _UNIDENTIFIED:
        return whole and name in _CONTAINERS
    return isinstance(error.__cause__, KeyError) or text.startswith(_REFUSALS)


def _is_panic(error: BaseException) -> bool:
    """Return whether a decoder in Rust panicked; its exception is none of Python's ``Exception``.

    The panic unwound the decoder's stack, so the process is intact.
    """
    return type(error).__name__ == "PanicException"


def _lacks_memory(pixels: int) -> bool:
    """Return whether too little memory is free to decode this many pixels.

    A decoder that cannot allocate memory may report a damaged picture instead, as libjpeg does
    for a progressive JPEG.
    """
    try:
        # The buffer is never written to, so the system reserves the memory without using it.
        bytes(pixels * _BYTES_PER_PIXEL)
    except MemoryError:
        return True
    return False
