"""Exit with a clear message if this Python is too old for Glimpse."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the point of this file
    sys.exit(
        "Glimpse requires Python 3.11 or later; this is "
        + sys.version.split()[0]
        + ". Choose another version: make setup PYTHON=python3.12"
    )
