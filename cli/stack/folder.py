"""The data folder: locked by one `glimpse up` at a time, with no processes of an earlier one."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import psutil

from cli.service import milvus_address, redis_address
from cli.stack.own_files import LOCK, prepare, unusable
from common.errors import DataDirBusy

# Seconds that the parts of a killed stack have to end after SIGTERM before they are killed too.
_LEFTOVERS_S = 40.0


@dataclass
class DataFolder:
    """Where a stack keeps its data.

    Args:
        path: Absolute path of the folder.
    """

    path: Path
    _parts: dict[str, int] = field(default_factory=dict)

    @property
    def redis(self) -> Path:
        """Folder of Valkey's append-only file."""
        return self._subfolder("redis")

    @property
    def milvus(self) -> Path:
        """Folder of Milvus Lite's single file."""
        return self._subfolder("milvus")

    @property
    def blobs(self) -> Path:
        """Folder of the uploaded originals."""
        return self._subfolder("blobs")

    def note_part(self, name: str, pid: int) -> None:
        """Record a part's process, so that the next `up` finds it if this one is killed."""
        self._parts[name] = pid
        self._notes.write_text(json.dumps([_identity(pid) for pid in self._parts.values()]))

    def note_redis(self, url: str) -> None:
        """Record the address of Redis, for the commands that connect to it."""
        redis_address.note(self.path, url)

    def note_milvus(self, uri: str) -> None:
        """Record the address of Milvus Lite, for a migration."""
        milvus_address.note(self.path, uri)

    def forget_parts(self) -> None:
        """Remove the records, once every part has ended."""
        redis_address.forget(self.path)
        milvus_address.forget(self.path)
        self._parts.clear()
        self._notes.unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """End the parts of an earlier `up` that was killed: two servers would corrupt one file."""
        left = [process for process in self._noted() if process.is_running()]
        for process in left:
            process.terminate()
        _, alive = psutil.wait_procs(left, timeout=_LEFTOVERS_S)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=_LEFTOVERS_S)
        self._notes.unlink(missing_ok=True)

    @property
    def _notes(self) -> Path:
        return self.path / "parts.json"

    def _noted(self) -> Iterator[psutil.Process]:
        try:
            notes = json.loads(self._notes.read_text())
        except (FileNotFoundError, ValueError):
            return
        for pid, created in notes:
            try:
                process = psutil.Process(pid)
            except psutil.NoSuchProcess:
                continue
            # The process id may have been reused since.
            if process.create_time() == created:
                yield process

    def _subfolder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def may_have_keys(path: Path) -> bool:
    """Return whether Valkey has ever run on a data folder: keys are in its append-only file."""
    return any((path / "redis").glob("appendonly*"))


@contextmanager
def hold(path: Path) -> Iterator[DataFolder]:
    """Lock a data folder for this process; create it if it does not exist.

    The kernel releases the lock when this process ends, however it ends.

    Raises:
        BadParameter: The folder holds other files, or cannot be written.
        DataDirBusy: Another process has locked it; the message says which.
    """
    path = path.absolute()
    # Python's descriptors are not inherited, so the parts do not keep the lock.
    with _open_lock(path) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise DataDirBusy(_busy(path, lock.read().strip())) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        folder = DataFolder(path)
        folder.end_leftovers()
        yield folder


def _open_lock(path: Path) -> TextIO:
    prepare(path)
    try:
        return (path / LOCK).open("a+")
    except OSError as error:
        raise unusable(path, error) from error


def _busy(path: Path, holder: str) -> str:
    process = f"process {holder}" if holder else "another process"
    return (
        f"`glimpse up` is already running on {path} ({process})."
        " Stop it first, or choose another folder with --data."
    )


def _identity(pid: int) -> tuple[int, float]:
    try:
        return pid, psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return pid, 0.0
