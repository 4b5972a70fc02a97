"""Requests that create a job, and create one job however often they are sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import IO, Any

from glimpse_client.answers import Job
from glimpse_client.connection import Connection, read
from glimpse_client.errors import RequestRefused
from glimpse_client.headers import checked

# The server's code for an idempotency key that it knows with other content.
KEY_REUSED = "idempotency_key_reused"


def begin_job(
    connection: Connection,
    path: str,
    key: str | None,
    bodies: Sequence[IO[bytes]] = (),
    headers: Mapping[str, str] | None = None,
    **content: Any,
) -> Job:
    """Send a request that creates a job, and return the job.

    Args:
        connection: Connection to the server.
        path: Path on the server.
        key: The caller's idempotency key; by default the request gets a new one.
        bodies: Files in the content.
        headers: Headers to send besides the key.
        content: Further arguments of ``httpx.Client.request``.

    Raises:
        InvalidHeader: The key or a header cannot be sent.
    """
    while True:
        named = checked({**(headers or {}), "Idempotency-Key": key or str(uuid.uuid4())})
        try:
            return read(Job, connection.send("POST", path, bodies, headers=named, **content))
        except RequestRefused as error:
            # The server accepted an earlier try, its answer was lost, and a file has changed
            # since: the new content is another upload and gets a new key.
            if error.code != KEY_REUSED or key is not None:
                raise
