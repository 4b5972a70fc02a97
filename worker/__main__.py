"""The program ``python -m worker``; see ``worker.commands``."""

from __future__ import annotations

import sys

from common.garbage import imports_ignored


def main() -> int:
    """Run a command; return the exit status."""
    try:
        with imports_ignored():
            from worker.commands import run_command
    except KeyboardInterrupt:
        # Without a traceback, as once a command runs.
        return 1
    return run_command()


if __name__ == "__main__":
    sys.exit(main())
