"""Keeps the tests' files in memory, where there is enough of it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import psutil

# Files in this folder are in memory on Linux.
_FOLDER = Path("/dev/shm")

# Bytes that must be free in it, and of all memory: the files of `make test` take up to 3 GiB, and
# its processes up to 8.
_FREE, _MEMORY = 8 * 2**30, 16 * 2**30


def keep_files_in_memory() -> None:
    """Let temporary files be kept in memory until the end of the run, if that is possible here.

    Tests write thousands of small files, and databases wait for the disk at each commit: in memory,
    those with databases take a seventh less CPU time. ``TMPDIR`` names another folder.
    """
    if "TMPDIR" in os.environ or not _is_roomy():
        return
    # A short name: the paths of sockets within it must not exceed 107 characters.
    folder = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="t", dir=_FOLDER)
    tempfile.tempdir = None
    # What else is in it goes first, since that is registered later.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _is_roomy() -> bool:
    if not _FOLDER.is_dir() or os.statvfs(_FOLDER).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(_FOLDER).free >= _FREE and psutil.virtual_memory().available >= _MEMORY
