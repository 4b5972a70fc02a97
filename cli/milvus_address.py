"""The address of a stack's Milvus Lite, in a file that `glimpse up` writes."""

from __future__ import annotations

from pathlib import Path

from cli.errors import MilvusNotFound

# The setting that names another Milvus.
SETTING = "GLIMPSE_MILVUS_URI"
# File in the data folder that holds the address while `glimpse up` runs; its port varies.
_FILE = "milvus.url"


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
