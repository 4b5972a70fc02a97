"""Pictures as from a camera, whose files say when, where and with what they were taken."""

from __future__ import annotations

from PIL import Image

from tests.support.pictures import encoded

# Tags of EXIF: texts of the picture, its sub-directories, and what is in these.
_DESCRIPTION, _MAKER, _MODEL, _KEYWORDS = 0x010E, 0x010F, 0x0110, 0x9C9E
_PICTURE, _LOCATION = 0x8769, 0x8825
_TAKEN, _OFFSET, _LENS = 0x9003, 0x9011, 0xA434


def camera_picture(
    colour: str,
    description: str = "A red kite above the river",
    keywords: tuple[str, ...] = ("kite", "river"),
    size: tuple[int, int] = (40, 30),
) -> bytes:
    """Return a JPEG taken in Munich on 1 May 2024 at noon, two hours ahead of UTC."""
    exif = Image.Exif()
    exif[_DESCRIPTION], exif[_MAKER], exif[_MODEL] = description, "Canon", "Canon EOS 5D"
    exif[_KEYWORDS] = ";".join(keywords).encode("utf-16-le")
    picture = exif.get_ifd(_PICTURE)
    picture[_TAKEN], picture[_OFFSET] = "2024:05:01 12:00:00", "+02:00"
    picture[_LENS] = "EF50mm f/1.8 STM"
    # Degrees, minutes and seconds.
    exif.get_ifd(_LOCATION).update(
        {1: "N", 2: (48.0, 8.0, 13.5), 3: "E", 4: (11.0, 34.0, 31.5), 5: b"\0", 6: 519.0}
    )
    return encoded(Image.new("RGB", size, colour), "JPEG", exif=exif)
