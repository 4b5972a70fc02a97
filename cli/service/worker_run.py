"""Runs commands that need the worker's libraries, which the command line does not import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from cli.exit_codes import INCOMPLETE, USAGE
from cli.stack.worker_command import worker_command
from common.exit_codes import MISCONFIGURED


def run_worker(environ: Mapping[str, str], *arguments: str) -> int:
    """Run `python -m worker` with arguments in a process of its own; return its exit status."""
    command = worker_command(*arguments)
    return subprocess.run(command, env=dict(environ), check=False).returncode  # noqa: S603 - our own


def exit_as(status: int) -> None:
    """End this command as one of the worker's ended; return if it succeeded."""
    if status:
        sys.exit(USAGE if status == MISCONFIGURED else INCOMPLETE)
