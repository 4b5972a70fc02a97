"""Milvus Lite alone, on the data folder of a stack that is stopped."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from pathlib import Path

import click

from cli.errors import MilvusNotFound, PartFailed
from cli.stack import ports
from cli.stack.folder import hold
from cli.stack.parts import milvus_lite
from cli.stack.process import Process, spawn

# Seconds it has to answer, and between two attempts.
_ANSWER_S, _LOOK_S = 120.0, 0.1


async def run_beside_lite(data: Path, run: Callable[[str], int]) -> int:
    """Start Milvus Lite on a data folder, call ``run`` with its address, and stop it.

    Raises:
        DataDirBusy: `glimpse up` is running on the folder.
        MilvusNotFound: The folder has no data of Milvus Lite.
        PartFailed: Milvus Lite does not start.
    """
    if not (data / "milvus").is_dir():
        raise MilvusNotFound(f"{data.absolute()} has no Milvus Lite; name a folder with --data.")
    with hold(data) as folder:
        (port,) = ports.free_ports(1)
        part = milvus_lite(folder.milvus, port)
        say = functools.partial(click.echo, err=True)
        environ = {**os.environ, **part.env}
        process = await spawn(part.argv, environ, part.cwd, out=say, err=say)
        try:
            # Recorded, so that the next command ends it if this one is killed.
            folder.note_part(part.name, process.pid)
            await _wait(process, port)
            return await asyncio.to_thread(run, ports.url_of(ports.LOOPBACK, port))
        finally:
            await process.stop(part.stop_s)
            folder.forget_parts()


async def _wait(process: Process, port: int) -> None:
    deadline = asyncio.get_running_loop().time() + _ANSWER_S
    while not await ports.listens(port):
        if process.exited or asyncio.get_running_loop().time() > deadline:
            raise PartFailed("Milvus Lite did not start.")
        await asyncio.sleep(_LOOK_S)
