"""The program ``glimpse``, also ``python -m cli``; see ``cli.main``."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from cli.exit_codes import INTERRUPTED
from common.garbage import imports_ignored


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    # SIGTERM acts like Ctrl-C, so that commands stop the processes they started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with imports_ignored():
            from cli.main import run
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)  # noqa: T201 - click is not imported yet
        sys.exit(INTERRUPTED)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
