"""Files of the cache: one process makes each, and the others wait for the whole file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from filelock import FileLock

log = logging.getLogger(__name__)


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Let one process at a time make a file, so that the second one finds it.

    If the folder is not writable, processes do not wait for each other.
    """
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(f"{path}.lock"))
        except OSError as error:
            log.warning("encoder.cache_failed path=%s reason=%s", path, error)
        yield


def keep(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file for later starts, if its folder is writable.

    Args:
        path: The file.
        write: Writes its content.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete, so that a process killed here leaves no partial file.
        with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            write(part)
        Path(part.name).replace(path)
    except OSError as error:
        log.warning("encoder.cache_failed path=%s reason=%s", path, error)


def keep_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON object for later starts, if its folder is writable."""
    keep(path, lambda part: part.write(json.dumps(dict(record)).encode()))


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a JSON object that was kept; None if there is none, or the file is damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
