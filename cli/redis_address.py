"""Where the Redis of a stack is: said by a setting, or noted by `glimpse up` in its folder."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from cli.errors import RedisNotFound

# The setting that says it.
SETTING = "GLIMPSE_REDIS_URL"
# Where `glimpse up` notes it for as long as it runs; its ports are others each time.
_NOTE = "redis.url"


def note(data: Path, url: str) -> None:
    """Note the address of the Redis that runs on a data folder."""
    (data / _NOTE).write_text(url)


def forget(data: Path) -> None:
    """Say that it has ended."""
    (data / _NOTE).unlink(missing_ok=True)


def find(data: Path) -> str:
    """Return the address that the setting says, else that of the stack on a data folder.

    Raises:
        RedisNotFound: Neither is there.
    """
    if url := os.environ.get(SETTING):
        return url
    try:
        return (data / _NOTE).read_text()
    except OSError:
        raise RedisNotFound(
            f"No `glimpse up` runs on {data.absolute()}. Start one, name its folder with --data,"
            f" or set {SETTING}."
        ) from None


def without_password(url: str) -> str:
    """Return an address as it may be shown."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return SETTING
