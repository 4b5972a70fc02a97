"""The settings of a service for commands that run beside it: given, or those of `glimpse up`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cli.errors import MilvusNotFound, RedisNotFound
from cli.service import milvus_address, redis_address
from common.secret_files import SUFFIX

_BLOBS = {"GLIMPSE_BLOBS_DIR", "GLIMPSE_BLOBS_URL", "GLIMPSE_BLOBS_URL" + SUFFIX}


def found_environ(environ: Mapping[str, str], data: Path) -> dict[str, str]:
    """Return the variables of a service with those that `glimpse up` sets for its parts.

    An address that is not found is left out.

    Args:
        environ: The variables that are given.
        data: The data folder of `glimpse up`.
    """
    completed, folder = dict(environ), data / "blobs"
    if not _BLOBS & completed.keys() and folder.exists():
        completed["GLIMPSE_BLOBS_DIR"] = str(folder.absolute())
    with suppress(RedisNotFound):
        _complete(completed, redis_address.SETTING, data, redis_address.find)
    with suppress(MilvusNotFound):
        _complete(completed, milvus_address.SETTING, data, milvus_address.find)
    return completed


def required_environ(environ: Mapping[str, str], data: Path) -> dict[str, str]:
    """Return the same variables.

    Raises:
        RedisNotFound: The address of Redis is not found.
        MilvusNotFound: The address of Milvus is not found.
    """
    completed = found_environ(environ, data)
    _complete(completed, redis_address.SETTING, data, redis_address.find)
    _complete(completed, milvus_address.SETTING, data, milvus_address.find)
    return completed


def _complete(
    environ: dict[str, str], setting: str, data: Path, find: Callable[[Path], str]
) -> None:
    if not {setting, setting + SUFFIX} & environ.keys():
        environ[setting] = find(data)
