"""Sends a search, waits for its hits, and draws them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import httpx

from glimpse_client.answers import Search
from glimpse_client.connection import Connection, read
from glimpse_client.errors import SearchFailed
from glimpse_client.sources import Source, open_source

# Seconds that the server may hold the request until the search has finished.
_HOLD_S = 30
# Seconds between polls of a search that takes longer.
_POLL_S = 0.5
# Contact sheet: tiles in a row, minimum rows, and the maximum rows that the server draws.
_COLUMNS, _ROWS_MIN, _ROWS_MAX = 5, 2, 50


def run_search(connection: Connection, body: Mapping[str, Any], picture: Source | None) -> Search:
    """Send a search and return it when it has finished.

    Raises:
        SearchFailed: The server accepted the search, and it failed.
    """
    search = read(Search, _send(connection, body, picture))
    while not search.ended:
        connection.retry_policy.sleep(_POLL_S)
        search = read(Search, connection.send("GET", f"/v1/searches/{search.id}"))
    if search.error is not None:
        raise SearchFailed(search.error.code, search.error.detail)
    return search


def draw_sheet(connection: Connection, search: Search) -> bytes:
    """Return a PNG of a search's hits: five in a row, at least two rows."""
    rows = min(max(-(-len(search.hits) // _COLUMNS), _ROWS_MIN), _ROWS_MAX)
    path = f"/v1/searches/{search.id}/contact-sheet.png"
    size = {"columns": str(_COLUMNS), "rows": str(rows)}
    return connection.send("GET", path, params=size).content


def _send(
    connection: Connection, body: Mapping[str, Any], picture: Source | None
) -> httpx.Response:
    path, prefer = "/v1/searches", {"Prefer": f"wait={_HOLD_S}"}
    if picture is None:
        return connection.send("POST", path, json=body, headers=prefer)
    name, content = open_source(picture)
    with closing(content):
        parts, data = {"file": (name, content)}, {"search": json.dumps(body)}
        return connection.send("POST", path, [content], files=parts, data=data, headers=prefer)
