"""The model that a stack runs: `auto` is resolved to a name once, before the workers start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cli.errors import PartFailed
from cli.stack.parts import PYTHON
from cli.stack.process import spawn

# Seconds the process has to end after SIGTERM.
_STOP_S = 5.0


async def choose_model(environ: Mapping[str, str], log: Callable[[str], None]) -> str:
    """Return the name of the model that the workers will load, fetching its weights if needed.

    Runs in a process of its own, because the command line loads no model.

    Args:
        environ: Settings of the workers.
        log: Called with each line that the process logs.

    Raises:
        PartFailed: The model does not exist, or its weights were not found.
    """
    answer: list[str] = []
    errors: list[str] = []

    def log_error(line: str) -> None:
        errors.append(line)
        log(line)

    command = [*PYTHON, "-m", "worker", "choose"]
    process = await spawn(command, environ, Path.cwd(), out=answer.append, err=log_error)
    try:
        status = await process.wait()
    finally:
        await process.stop(_STOP_S)
    if status != 0 or not answer:
        reason = errors[-1] if errors else f"Choosing the model failed with status {status}."
        raise PartFailed(reason)
    return answer[-1].strip()
