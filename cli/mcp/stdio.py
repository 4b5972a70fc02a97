"""The MCP server on stdin and stdout, for the user who starts it."""

from __future__ import annotations

import signal

from cli.mcp.server import RETRY_S, new_server
from glimpse_client import Glimpse, RetryPolicy


def serve_stdio(*, writes: bool) -> None:
    """Serve until stdin ends, or a signal ends the process.

    Args:
        writes: Whether to offer the tool that changes tags.
    """
    # A thread is waiting for stdin, so that an exception would end the process only after a line.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    with Glimpse.from_environ(RetryPolicy(RETRY_S)) as client:
        # The server runs as the user, who may read these files anyway.
        new_server(lambda _: client, reads_files=True, writes=writes).run("stdio")
