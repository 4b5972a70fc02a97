"""Parsing of Server-Sent Events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

Event = tuple[str, dict[str, Any]]


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a stream, ignoring comments."""
    name = ""
    for line in lines:
        field, _, value = line.rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
