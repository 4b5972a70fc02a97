"""The parent-death signal: child processes end with this one, even when it is killed with -9."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def die_with_parent(command: Sequence[str]) -> list[str]:
    """Return a command that gets SIGTERM when this process ends.

    Returned unchanged where util-linux's setpriv is not installed: only Linux has such a signal.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else [*command]
