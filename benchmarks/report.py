"""The report of a run: prints each part once it is measured and writes all of them at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, table
from benchmarks.machine import machine
from benchmarks.process_usage import Others


class Report:
    """Collects the figures of one run.

    Args:
        settings: Settings that can affect a figure.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._settings = dict(settings or {})
        self._others = Others()
        self._figures: dict[str, list[dict[str, Any]]] = {}
        self._raw: dict[str, Any] = {}

    def add(self, part: str, figures: Sequence[Figure], raw: Any, text: str = "") -> None:
        """Print the figures of a part, or a text about them, and keep them with their raw data."""
        print(text or table(part, figures), flush=True)
        self._figures[part] = [figure.view() for figure in figures]
        self._raw[part] = raw

    def write(self, out: Path | None) -> None:
        """Write all parts as JSON if a file is given."""
        if out is None:
            return
        report = {
            "machine": machine(),
            "others_cores": self._others.cores(),
            "settings": self._settings,
            "figures": self._figures,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(_text(report, self._raw))


def _text(report: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    """Return a report as JSON, with the raw data of each part on one line, since it is long."""
    head = json.dumps(report, indent=2).removesuffix("\n}")
    parts = [
        f"    {json.dumps(part)}: {json.dumps(_rounded(found), separators=(',', ':'))}"
        for part, found in raw.items()
    ]
    lines = ",\n".join(parts)
    return f'{head},\n  "raw": {{\n{lines}\n  }}\n}}\n'


def _rounded(raw: Any) -> Any:
    """Return raw data with four digits of each measured number."""
    if isinstance(raw, float):
        return float(f"{raw:.4g}")
    if isinstance(raw, Mapping):
        return {name: _rounded(value) for name, value in raw.items()}
    return [_rounded(value) for value in raw] if isinstance(raw, list | tuple) else raw
