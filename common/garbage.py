"""Python's garbage collector: what a process keeps until it ends is not looked through."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


def ignore_what_exists() -> None:
    """Never again look for garbage among the objects that exist now, but free what is garbage.

    A look through everything that was imported stops all threads for tens of milliseconds. It also
    writes to each object, so that a forked process no longer shares its memory with the others.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def imports_ignored() -> Iterator[None]:
    """Look for no garbage while modules are imported, and never among them.

    When a process ends, Python looks through everything once more. Without both, a short command
    takes a quarter less CPU time.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)
