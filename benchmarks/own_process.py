"""Measures that run in a process of their own, so that nothing stands beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

# Seconds that one may take.
_TIMEOUT_S = 1800.0


class MeasureFailed(RuntimeError):
    """The process ended in an error; what it wrote last is shown."""


def run(
    module: str, settings: Mapping[str, str] | None = None, **options: object
) -> dict[str, Any]:
    """Run a module and return the JSON that it prints last.

    Args:
        module: What ``python -m`` runs.
        settings: Variables beside those of this process.
        options: Its options on the command line.

    Raises:
        MeasureFailed: It ended in an error.
    """
    arguments = [f"--{name}={value}" for name, value in options.items()]
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **(settings or {})},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ended.returncode:
        raise MeasureFailed(f"{module} ended with {ended.returncode}:\n{ended.stderr[-4000:]}")
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures
