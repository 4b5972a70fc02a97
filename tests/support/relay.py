"""A TCP relay in front of servers, which balances, delays and breaks connections."""

from __future__ import annotations

import asyncio
import itertools
import threading
from types import TracebackType
from typing import Self

# Bytes read at a time.
_READ_BYTES = 64 * 1024

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """Forwards each connection to one of its targets, in turns.

    Args:
        targets: Addresses of servers, ``HOST:PORT``. One that refuses a connection is passed over.
        address: The address to listen on.
        delay_s: Seconds by which everything that a server sends is delayed.

    Attributes:
        targets: May be changed; connections stay with the target that they have.
    """

    def __init__(self, *targets: str, address: str = "127.0.0.1", delay_s: float = 0.0) -> None:
        self.targets = list(targets)
        self._address = address
        self._delay_s = delay_s
        self._turn = itertools.count()
        self._open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def netloc(self) -> str:
        """Its own address, ``HOST:PORT``."""
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    def cut(self) -> None:
        """Break all connections; new ones are accepted."""
        self._run(self._cut())

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, self._address, 0))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _cut(self) -> None:
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A closed transport is gone one round of the loop later.
        await asyncio.sleep(0)

    async def _end(self) -> None:
        self._server.close()
        # Connections that were being accepted are served first, and broken then.
        while asyncio.all_tasks() - {asyncio.current_task()}:
            await self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._forward((reader, writer)))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # Here, since a task that is cancelled before it begins runs none of its code.
        task.add_done_callback(lambda _: writer.transport.abort())
        await asyncio.wait([task])

    async def _forward(self, near: _Connection) -> None:
        far: _Connection | None = None
        try:
            far = await self._connect()
            if far is not None:
                await asyncio.gather(
                    _pump(near[0], far[1], 0), _pump(far[0], near[1], self._delay_s)
                )
        except OSError:
            # One side broke the connection: so does the relay with the other.
            pass
        finally:
            if far is not None:
                far[1].transport.abort()

    async def _connect(self) -> _Connection | None:
        targets = list(self.targets)
        first = next(self._turn)
        for turn in range(len(targets)):
            host, _, port = targets[(first + turn) % len(targets)].rpartition(":")
            try:
                return await asyncio.open_connection(host, int(port))
            except OSError:
                continue
        return None


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay_s: float) -> None:
    """Copy bytes until the source ends."""
    while data := await source.read(_READ_BYTES):
        await asyncio.sleep(delay_s)
        sink.write(data)
        await sink.drain()
    sink.write_eof()
