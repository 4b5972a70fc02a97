"""Targets of the Makefile, run as people run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MAKEFILE = ROOT / "Makefile"


def make_command(target: str, folder: Path = ROOT, **variables: object) -> list[str]:
    """Return the command line of a target, with the Python that runs the tests."""
    given = {"BIN": Path(sys.executable).parent, **variables}
    return [
        # What `make test` was given is not for this one.
        *("env", "--unset=MAKEFLAGS", "--unset=MAKELEVEL"),
        # The packages are installed; a newer file of pins changes nothing about that now.
        *("make", "--silent", "--old-file=.venv/.installed"),
        *("-C", str(folder), target, *(f"{name}={value}" for name, value in given.items())),
    ]


def make(
    target: str, folder: Path = ROOT, environ: Mapping[str, str] | None = None, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run a target to its end, whatever that is."""
    return subprocess.run(
        make_command(target, folder, **variables),
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def made(target: str, folder: Path = ROOT, **variables: object) -> str:
    """Run a target that must succeed, and return its output.

    Raises:
        AssertionError: It failed; all of its output is shown.
    """
    done = make(target, folder, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
