"""``python -m tests.support.added_variables QUEUE``: a worker that tells what it adds.

It writes the name of each variable that is added to its environment while threads of gRPC run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from common.settings import load_settings
from worker.runtime.process import run_worker


def tell(event: str, arguments: tuple[object, ...]) -> None:
    """Write the name of a variable that is new, if a thread of gRPC may be reading them."""
    if event != "os.putenv":
        return
    name = os.fsdecode(arguments[0])  # type: ignore[arg-type]
    threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    if name not in os.environ and any(thread.startswith("event_engine") for thread in threads):
        click.echo(f"added {name}")


if __name__ == "__main__":
    sys.addaudithook(tell)
    run_worker(load_settings(), sys.argv[1])
