"""Runs targets of the Makefile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MAKEFILE = ROOT / "Makefile"


def make_command(target: str, folder: Path = ROOT, **variables: object) -> list[str]:
    """Return the command line of a target, using the Python that runs the tests."""
    given = {"BIN": Path(sys.executable).parent, **variables}
    return [
        # Do not inherit the flags of an outer `make test`.
        *("env", "--unset=MAKEFLAGS", "--unset=MAKELEVEL"),
        # Do not reinstall packages, even if the pins are newer than the installation.
        *("make", "--silent", "--old-file=.venv/.installed"),
        *("-C", str(folder), target, *(f"{name}={value}" for name, value in given.items())),
    ]


def make(
    target: str, folder: Path = ROOT, environ: Mapping[str, str] | None = None, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run a target and return its result, whether it succeeds or not."""
    return subprocess.run(
        make_command(target, folder, **variables),
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def made(target: str, folder: Path = ROOT, **variables: object) -> str:
    """Run a target that must succeed; return its output.

    Raises:
        AssertionError: The target failed; the message is its output.
    """
    done = make(target, folder, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
