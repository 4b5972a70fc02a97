"""Addresses of Milvus: of a stack's Milvus Lite, in a file that `glimpse up` writes, or given."""

from __future__ import annotations

from pathlib import Path

import click

from cli.errors import MilvusNotFound
from common.service_urls import check_milvus

# The setting that names another Milvus.
SETTING = "GLIMPSE_MILVUS_URI"
# File in the data folder that holds the address while `glimpse up` runs; its port varies.
_FILE = "milvus.url"


class MilvusAddress(click.ParamType[str]):
    """Accepts what the setting accepts."""

    name = "uri"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address; the message about an invalid one does not contain its password."""
        try:
            return check_milvus(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def note(data: Path, uri: str) -> None:
    """Write the address of the Milvus Lite of a running stack to its data folder."""
    (data / _FILE).write_text(uri)


def forget(data: Path) -> None:
    """Delete the address after the stack has stopped."""
    (data / _FILE).unlink(missing_ok=True)


def find(data: Path) -> str:
    """Return the address of the Milvus Lite of the stack that uses a data folder.

    Raises:
        MilvusNotFound: No stack with a Milvus Lite uses the folder.
    """
    try:
        return (data / _FILE).read_text()
    except OSError:
        raise MilvusNotFound(
            f"No running `glimpse up` keeps its Milvus Lite in {data.absolute()}. Start one, name"
            f" its data folder with --data, or set {SETTING}."
        ) from None
