"""Files of the cache that one process makes while others wait for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

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
