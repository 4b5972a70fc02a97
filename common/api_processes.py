"""The number of the API's processes, which gunicorn's variable ``WEB_CONCURRENCY`` sets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from common.errors import InvalidSettings

_VARIABLE, _DEFAULT, _MAX = "WEB_CONCURRENCY", "2", 256


def api_processes(environ: Mapping[str, str]) -> int:
    """Return the number of processes.

    Raises:
        InvalidSettings: The variable is no number of processes that a machine can run.
    """
    given = environ.get(_VARIABLE, _DEFAULT)
    if not re.fullmatch("[1-9][0-9]{0,2}", given) or int(given) > _MAX:
        raise InvalidSettings(
            f"{_VARIABLE}: give a whole number from 1 to {_MAX}, such as {_DEFAULT} (got {given!r})"
        )
    return int(given)
