"""``python -m worker.liveness``: whether the worker of this container is alive.

A worker touches ``GLIMPSE_ALIVE_FILE`` while its heartbeat thread runs and its model returns
results. Redis and Milvus are not asked: restarting a worker does not bring them back, and loading
the model again takes a minute. This imports nothing that takes time, since it runs every half
minute.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from common.errors import InvalidSettings

# The variable of the setting, which this reads without the settings' imports.
VARIABLE = "GLIMPSE_ALIVE_FILE"
# Seconds without a sign of life after which a worker counts as hung: measuring batch sizes at the
# start takes a minute on a slow machine.
AGE_MAX_S = 180.0


class Liveness:
    """Touches the file.

    Args:
        file: The file; None touches nothing.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def begin(self) -> None:
        """Remove the file of an earlier run: a worker that starts has not shown that it is alive.

        Raises:
            InvalidSettings: The file cannot be written.
        """
        if self._file is None:
            return
        try:
            self._file.touch()
            self._file.unlink()
        except OSError as error:
            raise InvalidSettings(
                f"{VARIABLE}: cannot write {self._file}: {error.strerror}."
            ) from error

    def show(self) -> None:
        """Show that the worker is alive."""
        if self._file is not None:
            self._file.touch()


def trouble(file: Path) -> str | None:
    """Return why a worker does not count as alive, or None if it does."""
    try:
        age_s = time.time() - file.stat().st_mtime
    except OSError as error:
        return f"{file}: {error.strerror}; the worker has not started."
    if age_s > AGE_MAX_S:
        return f"The worker has shown no sign of life for {age_s:.0f} s; restart it."
    return None


def main() -> str | None:
    """Return the message with which the process is to fail, or None."""
    name = os.environ.get(VARIABLE)
    return trouble(Path(name)) if name else f"{VARIABLE} is not set; set it for the worker too."


if __name__ == "__main__":
    sys.exit(main())
