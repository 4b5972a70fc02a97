"""The figures of a run: each part is printed when it is measured, all are written at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, table
from benchmarks.machine import machine
from benchmarks.process_usage import Others


class Report:
    """Collects what one run measures.

    Args:
        settings: What can change a figure.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._settings = dict(settings or {})
        self._others = Others()
        self._figures: dict[str, list[dict[str, Any]]] = {}
        self._raw: dict[str, Any] = {}

    def add(self, part: str, figures: Sequence[Figure], raw: Any) -> None:
        """Print the figures of a part, and keep them with what they were reckoned from."""
        print(table(part, figures), flush=True)
        self._figures[part] = [figure.view() for figure in figures]
        self._raw[part] = raw

    def write(self, out: Path | None) -> None:
        """Write all parts as JSON, if a file is named."""
        if out is None:
            return
        report = {
            "machine": machine(),
            "others_cores": self._others.cores(),
            "settings": self._settings,
            "figures": self._figures,
            "raw": self._raw,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=2) + "\n")
