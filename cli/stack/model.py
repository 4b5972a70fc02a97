"""The model that a stack runs: `auto` is turned into a name once, before the workers start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from subprocess import PIPE

from cli.errors import PartFailed
from cli.stack.parent_death import tether
from cli.stack.parts import PYTHON


async def choose_model(environ: Mapping[str, str], tell: Callable[[str], None]) -> str:
    """Ask the workers' code for the model; it fetches weights where it can.

    In a process of its own: the command line loads no model.

    Args:
        environ: Settings of the workers.
        tell: Takes each line that the process logs.

    Raises:
        PartFailed: There is no such model, or its weights are nowhere to be had.
    """
    process = await asyncio.create_subprocess_exec(
        *tether(), *PYTHON, "-m", "worker", "choose", env=environ, stdout=PIPE, stderr=PIPE
    )
    try:
        last = await _follow(process.stderr, tell)
        answer = await _read(process.stdout)
        status = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if status != 0 or not answer:
        raise PartFailed(last or f"The model cannot be chosen (status {status}).")
    return answer.splitlines()[-1].strip()


async def _follow(stream: asyncio.StreamReader | None, tell: Callable[[str], None]) -> str:
    last = ""
    while stream is not None and (line := await stream.readline()):
        last = line.decode(errors="replace").rstrip()
        tell(last)
    return last


async def _read(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode() if stream is not None else ""
