"""The address of a stack's Redis: from a setting, or from a file that `glimpse up` writes.

Commands for operators connect to it rather than to the API.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from cli.errors import RedisNotFound
from common.errors import BrokerFull, BrokerUnavailable, InvalidSettings
from common.secret_files import read_secret

if TYPE_CHECKING:
    from redis import Redis

# The setting with the address.
SETTING = "GLIMPSE_REDIS_URL"
# File in the data folder that holds the address while `glimpse up` runs; its port varies.
_FILE = "redis.url"

# The option of commands that connect to Redis.
DATA = click.option(
    "--data",
    default=Path("data"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder of `glimpse up`; ignored if GLIMPSE_REDIS_URL is set.",
)


def note(data: Path, url: str) -> None:
    """Write the address of the Redis of a running stack to its data folder."""
    (data / _FILE).write_text(url)


def forget(data: Path) -> None:
    """Delete the address after the stack has stopped."""
    (data / _FILE).unlink(missing_ok=True)


def find(data: Path) -> str:
    """Return the address from the setting, or else of the stack that uses a data folder.

    Raises:
        RedisNotFound: The setting is not set, and no stack uses the folder, or its file is missing.
    """
    try:
        if url := read_secret(SETTING, os.environ):
            return url
    except InvalidSettings as error:
        raise RedisNotFound(str(error)) from None
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


@contextmanager
def opened(data: Path) -> Iterator[Redis]:
    """Yield a client of the Redis that the setting or a data folder names.

    Raises:
        RedisNotFound: There is none, or it does not answer.
        SchemaNewer: Its data is of a newer version.
    """
    # Importing the Redis client takes longer than most commands run.
    from common import schema
    from common.redis_client import connect

    url = find(data)
    try:
        client = connect(url)
    except ValueError:
        raise RedisNotFound(f"{SETTING} is not a Redis URL.") from None
    try:
        schema.check(client)
        yield client
    except BrokerFull:
        raise
    except BrokerUnavailable:
        shown = without_password(url)
        raise RedisNotFound(f"Redis does not answer at {shown}. Is the service running?") from None
    finally:
        client.close()
