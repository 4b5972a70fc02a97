"""The folder of the originals that a setting names: made before anything starts, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from common.errors import InvalidSettings


def require_blobs(environ: Mapping[str, str], folder: Path | None) -> None:
    """Return if no setting names the folder of the blobs, or if it can be written.

    Args:
        environ: The variables of the settings.
        folder: The folder in the settings; None for an object store.

    Raises:
        InvalidSettings: The folder cannot be made or written; the API would wait for it.
    """
    names = [name for name in ("GLIMPSE_BLOBS_DIR", "GLIMPSE_BLOBS_URL") if environ.get(name)]
    if not names or folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidSettings(f"{names[0]}: {folder} cannot be used: {error.strerror}.") from error
