"""The address of a stack's Redis: from a setting, or from a file that `glimpse up` writes."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from cli.errors import RedisNotFound

# The setting with the address.
SETTING = "GLIMPSE_REDIS_URL"
# File in the data folder that holds the address while `glimpse up` runs; its port varies.
_FILE = "redis.url"


def note(data: Path, url: str) -> None:
    """Write the address of the Redis of a running stack to its data folder."""
    (data / _FILE).write_text(url)


def forget(data: Path) -> None:
    """Delete the address after the stack has stopped."""
    (data / _FILE).unlink(missing_ok=True)


def find(data: Path) -> str:
    """Return the address from the setting, or else of the stack that uses a data folder.

    Raises:
        RedisNotFound: The setting is not set, and no stack uses the folder.
    """
    if url := os.environ.get(SETTING):
        return url
    try:
        return (data / _FILE).read_text()
    except OSError:
        raise RedisNotFound(
            f"No running `glimpse up` uses {data.absolute()}. Start one, name its data folder with"
            f" --data, or set {SETTING}."
        ) from None


def without_password(url: str) -> str:
    """Return an address without its credentials, for messages."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return SETTING
