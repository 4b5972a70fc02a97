"""What a data folder may hold: one with files of others is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import click

# Which one `glimpse up` uses at a time; every version has left it behind.
LOCK = "up.lock"
# What else may be in a data folder without it: what a copy holds, the log and the folders of
# `glimpse demo`, and what a new file system holds.
_OWN = frozenset({"blobs", "milvus", "redis", "parts.json", "up.log", "demo", "lost+found"})
# Number of other files to name in a message.
_NAMED_MAX = 3


def prepare(path: Path) -> None:
    """Create a data folder if it does not exist.

    Raises:
        BadParameter: The folder holds other files, or cannot be used.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_other_files(path)
    except OSError as error:
        raise unusable(path, error) from error


def unusable(path: Path, error: OSError) -> click.BadParameter:
    """Return what to raise if the system does not let a data folder be used."""
    return _refused(f"{path} cannot be used: {error.strerror}.")


def _refuse_other_files(path: Path) -> None:
    """Refuse a folder that no `up` has used, and that holds files of others."""
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    others = sorted(names - _OWN)
    if others and LOCK not in names:
        more = ", ..." if len(others) > _NAMED_MAX else ""
        raise _refused(
            f"{path} holds other files ({', '.join(others[:_NAMED_MAX])}{more}). Name a new folder"
            f" for the data of Glimpse; `glimpse ingest {path}` then adds the pictures in this one."
        )


def _refused(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="--data")
