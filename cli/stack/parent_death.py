"""Processes that end when this one does, even when it is killed with -9."""

from __future__ import annotations

import shutil


def tether() -> list[str]:
    """Return what to put before a command so that it gets SIGTERM when this process ends.

    Nothing where util-linux's setpriv is not there: only Linux has such a signal.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
