"""Jobs that are begun once, however often their requests have to be sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import IO, Any

from glimpse_client.answers import Job
from glimpse_client.connection import Connection, read
from glimpse_client.errors import RequestRefused

# The server's code for a key that came with other content before.
_REUSED = "idempotency_key_reused"


def begin_job(
    connection: Connection,
    path: str,
    key: str | None,
    bodies: Sequence[IO[bytes]] = (),
    headers: Mapping[str, str] | None = None,
    **content: Any,
) -> Job:
    """Send a request that makes a job, and return the job.

    Args:
        connection: To the server.
        path: Path on the server.
        key: The caller's idempotency key; without one the request gets one of its own.
        bodies: What the content is read from.
        headers: To be sent beside the key.
        content: What httpx takes.
    """
    while True:
        named = {**(headers or {}), "Idempotency-Key": key or str(uuid.uuid4())}
        try:
            return read(Job, connection.send("POST", path, bodies, headers=named, **content))
        except RequestRefused as error:
            # A file has changed between two tries, of which the first was accepted though its
            # answer was lost: what it holds now is another upload.
            if error.code != _REUSED or key is not None:
                raise
