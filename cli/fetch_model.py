"""`glimpse fetch-model`: downloads a model's weights before they are needed."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from cli.exit_codes import INCOMPLETE, USAGE
from cli.stack.worker_command import worker_command
from common.exit_codes import MISCONFIGURED


@click.command("fetch-model")
@click.argument("name", required=False)
def fetch_model(name: str | None) -> None:
    """Download the weights of NAME, or of GLIMPSE_MODEL, before they are needed.

    Prints where they are. Workers on this machine find them there; a failure
    says where they were looked for, and what to do.

    \b
    Example:
      glimpse fetch-model
      glimpse fetch-model ViT-L/14
    """  # noqa: D301 - click's marker for preformatted lines
    environ = {**os.environ, **({"GLIMPSE_MODEL": name} if name else {})}
    # In a process of its own, because the command line loads no model. It shows its own progress.
    command = worker_command("fetch")
    status = subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - our own
    if status:
        sys.exit(USAGE if status == MISCONFIGURED else INCOMPLETE)
