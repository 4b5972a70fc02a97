"""The folder of the originals that a setting names: made before anything starts, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from tempfile import TemporaryFile

from common.errors import InvalidSettings
from common.settings import load_settings


def require_blobs(environ: Mapping[str, str]) -> None:
    """Return if the blobs are elsewhere, or in a folder that can be written.

    Raises:
        InvalidSettings: The folder cannot be made or written; the API would wait for it.
    """
    names = [name for name in ("GLIMPSE_BLOBS_DIR", "GLIMPSE_BLOBS_URL") if environ.get(name)]
    folder = load_settings(environ).blobs_folder
    if not names or folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidSettings(f"{names[0]}: {folder} cannot be used: {error.strerror}.") from error
