"""An HTTP server that reads requests and answers each with the same few bytes.

python -m benchmarks.limits.bare_server PORT
"""

from __future__ import annotations

import asyncio
import sys

# Size of a job in the API's responses.
_BODY = b"x" * 400
_ANSWERS = {
    method: b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(_BODY), _BODY)
    for method, status in ((b"GET", b"200 OK"), (b"POST", b"202 Accepted"))
}
_LENGTH = b"\r\ncontent-length:"


class Connection(asyncio.BufferedProtocol):
    """Answers the requests of a client that waits for each answer."""

    def __init__(self) -> None:
        self._buffer = bytearray(256 * 1024)
        self._head = b""
        # Bytes of the request that have not arrived; 0 between requests.
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection for the answers."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where the next bytes go."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count the bytes of a request, and answer after the last."""
        if self._missing:
            self._missing -= nbytes
        else:
            self._head += self._buffer[:nbytes]
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
            self._missing = int(length or 0) - len(body)
        if not self._missing:
            self._transport.write(_ANSWERS[self._head.partition(b" ")[0]])
            self._head = b""


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
