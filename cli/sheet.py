"""Contact sheets of searches, as files."""

from __future__ import annotations

import io
from pathlib import Path

import click

from glimpse_client import Glimpse
from glimpse_client.answers import Search

# Formats of a sheet, by suffix.
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_JPEG_QUALITY = 90


def with_known_suffix(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Return the path of a sheet if its suffix names a format; a callback of click."""
    if path is not None and path.suffix.lower() not in _FORMATS:
        raise click.BadParameter(f"'{path}' must end in {', '.join(_FORMATS)}.")
    return path


def write_sheet(client: Glimpse, found: Search, path: Path) -> None:
    """Write the contact sheet of a search to a file.

    Raises:
        click.ClickException: The file cannot be written.
    """
    data = client.contact_sheet(found)
    if _FORMATS[path.suffix.lower()] == "JPEG":
        data = _to_jpeg(data)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from error


def _to_jpeg(png: bytes) -> bytes:
    # Pillow takes longer to import than most commands run.
    from PIL import Image

    jpeg = io.BytesIO()
    with Image.open(io.BytesIO(png)) as sheet:
        sheet.save(jpeg, "JPEG", quality=_JPEG_QUALITY)
    return jpeg.getvalue()
