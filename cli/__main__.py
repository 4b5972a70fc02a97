"""The program ``glimpse``, also ``python -m cli``; see ``cli.main``."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from common.garbage import imports_ignored


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    # SIGTERM acts like Ctrl-C, so that commands stop the processes they started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with imports_ignored():
        from cli.main import run
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
