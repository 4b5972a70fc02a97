"""One child process: its output line by line, and its end together with its own children."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import cast

from cli.stack.log import Lines
from cli.stack.parent_death import die_with_parent

# Seconds to read the rest of a process's output. Only a descendant that left the process
# group, and so was not killed with it, keeps a pipe open that long.
_DRAIN_S = 2.0


async def spawn(
    command: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
    out: Callable[[str], None],
    err: Callable[[str], None],
) -> Process:
    """Start a command in a session of its own, so that Ctrl-C reaches this process alone.

    Args:
        command: Program and arguments.
        environ: All of its variables.
        cwd: Working directory.
        out: Called with each line of standard output.
        err: Called with each line of standard error.

    Raises:
        OSError: The program cannot be run.
    """
    _, process = await asyncio.get_running_loop().subprocess_exec(
        lambda: Process(Lines(out), Lines(err)),
        *die_with_parent(command),
        stdin=DEVNULL,
        env=environ,
        cwd=cwd,
        start_new_session=True,
    )
    return process


class Process(asyncio.SubprocessProtocol):
    """A process started by ``spawn``.

    A protocol, because ``asyncio.subprocess.Process.wait`` in Python 3.11 does not return while a
    grandchild holds a pipe open.

    Args:
        out: Standard output.
        err: Standard error.
    """

    def __init__(self, out: Lines, err: Lines) -> None:
        loop = asyncio.get_running_loop()
        self._streams = {1: out, 2: err}
        self._exited: asyncio.Future[int] = loop.create_future()
        # Set when it has exited and both pipes are closed.
        self._closed: asyncio.Future[None] = loop.create_future()

    @property
    def pid(self) -> int:
        """Process id; the id of its session and its group, too."""
        return self._transport.get_pid()

    @property
    def exited(self) -> bool:
        """Whether it has ended."""
        return self._exited.done()

    async def wait(self) -> int:
        """Return the exit status, or minus the signal, once the output has been read."""
        await asyncio.wait([self._exited])
        await asyncio.wait([self._closed], timeout=_DRAIN_S)
        self._transport.close()
        await asyncio.wait([self._closed])
        return self._exited.result()

    async def stop(self, grace_s: float) -> None:
        """Send SIGTERM; after the grace period, SIGKILL the process and its children."""
        if not self.exited:
            # Not by the transport: it polls first, and may reap the process before asyncio does.
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            await asyncio.wait([self._exited], timeout=grace_s)
        if not self.exited:
            self._kill_group()
        await self.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; asyncio calls this and the methods below."""
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Pass output on."""
        self._streams[fd].feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """Pass on a last line without a line end."""
        self._streams[fd].flush()

    def process_exited(self) -> None:
        """Kill the children: they hold ports and files that the next process needs."""
        self._kill_group()
        self._exited.set_result(cast(int, self._transport.get_returncode()))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note that nothing more will come."""
        self._closed.set_result(None)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
