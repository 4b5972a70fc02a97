"""Commands of `python -m worker`, for what the command line itself knows nothing of."""

from __future__ import annotations

import sys

from cli.stack.parent_death import die_with_parent


def worker_command(*arguments: str) -> list[str]:
    """Return the command line of a worker's command, which ends with this process."""
    return die_with_parent([sys.executable, "-P", "-m", "worker", *arguments])
