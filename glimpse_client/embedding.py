"""Asks for the embeddings of texts, images and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from glimpse_client.answers import Embeddings
from glimpse_client.connection import Connection, read
from glimpse_client.sources import Source, open_source

_PATH = "/v1/embeddings"


def embed(
    connection: Connection,
    texts: Sequence[str],
    image_ids: Sequence[str],
    pictures: Sequence[Source],
) -> Embeddings:
    """Return the embeddings of texts, of indexed images and of pictures, in this order."""
    inputs = [{"text": text} for text in texts]
    inputs += [{"image_id": image_id} for image_id in image_ids]
    # A quarter of the bytes of JSON numbers, and exact.
    body: dict[str, Any] = {"inputs": inputs, "encoding_format": "base64"}
    if not pictures:
        return read(Embeddings, connection.send("POST", _PATH, json=body))
    with ExitStack() as opened:
        named = [open_source(picture) for picture in pictures]
        bodies = [opened.enter_context(content) for _, content in named]
        parts, data = [("file", part) for part in named], {"embeddings": json.dumps(body)}
        return read(Embeddings, connection.send("POST", _PATH, bodies, files=parts, data=data))
