"""The address of a stack's Redis: from a setting, or from a file that `glimpse up` writes.

Commands for operators connect to it rather than to the API.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.errors import RedisNotFound
from common.errors import BrokerFull, BrokerUnavailable, InvalidSettings
from common.keys.command import CREATE_KEY
from common.secret_files import SUFFIX, read_secret

if TYPE_CHECKING:
    from redis import Redis

    from common.redis.address import RedisAddress

# The setting with the address, and the prefix of all settings about it.
SETTING, _PREFIX = "GLIMPSE_REDIS_URL", "GLIMPSE_REDIS_"
# File in the data folder that holds the address while `glimpse up` runs; its port varies.
_FILE = "redis.url"

# The data folder if none is named.
_DEFAULT = Path("data")

# The option of commands that connect to Redis.
DATA = click.option(
    "--data",
    default=_DEFAULT,
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


def create_key(data: Path) -> str:
    """Return the command that creates a key of the service that uses a data folder."""
    return CREATE_KEY if data == _DEFAULT else f"{CREATE_KEY} --data {shlex.quote(str(data))}"


def of(environ: Mapping[str, str]) -> RedisAddress:
    """Return the address that variables set, with its certificates; raises ``InvalidSettings``."""
    # Importing the settings takes longer than most commands run.
    from common.settings import load_settings

    return load_settings({n: v for n, v in environ.items() if n.startswith(_PREFIX)}).redis


@contextmanager
def opened(data: Path) -> Iterator[Redis]:
    """Yield a client of the Redis that the setting or a data folder names.

    Raises:
        RedisNotFound: There is none, or it does not answer.
        SchemaNewer: Its data is of a newer version.
        BrokerMisconfigured: It refuses the settings.
    """
    # Importing the Redis client takes longer than most commands run.
    from common import schema
    from common.redis.client import connect

    try:
        # What a file holds has been read.
        environ = {n: v for n, v in os.environ.items() if n != SETTING + SUFFIX}
        address = of({**environ, SETTING: find(data)})
    except InvalidSettings as error:
        raise RedisNotFound(str(error)) from None
    client = connect(address)
    try:
        schema.check(client)
        yield client
    except BrokerFull:
        raise
    except BrokerUnavailable:
        from common.redis.setup import require_redis

        try:
            require_redis(address)
        except BrokerUnavailable as error:
            raise RedisNotFound(f"{error} Is the service running?") from None
        raise
    finally:
        client.close()
