"""Runs a measurement in its own process, so that nothing else shares that process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Timeout of one process, in seconds.
_TIMEOUT_S = 1800.0


class MeasureFailed(RuntimeError):
    """The process failed; the message ends with the last of its stderr."""


def run(
    module: str, settings: Mapping[str, str] | None = None, **options: object
) -> dict[str, Any]:
    """Run a module and return the JSON on its last line of output.

    Args:
        module: What ``python -m`` runs.
        settings: Environment variables added to those of this process.
        options: Command-line options of the module.

    Raises:
        MeasureFailed: The process exited with an error.
    """
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", module, *arguments]
    return last_json(command, {**os.environ, **(settings or {})})


def last_json(
    command: Sequence[str | Path], environ: Mapping[str, str], folder: Path | None = None
) -> dict[str, Any]:
    """Run a command and return the JSON on its last line of output.

    Args:
        command: The program and its arguments.
        environ: All of its environment variables.
        folder: Its working folder, instead of this process's.

    Raises:
        MeasureFailed: It exited with an error.
    """
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ended.returncode:
        called = " ".join(map(str, command))
        raise MeasureFailed(f"{called} exited with {ended.returncode}:\n{ended.stderr[-4000:]}")
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures
