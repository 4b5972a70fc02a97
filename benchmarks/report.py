"""Figures as JSON, where a run was asked for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

# The option of every benchmark; its value is ``out``.
JSON_OPTION = click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Also write the figures here."
)


def write_json(figures: Mapping[str, Any], out: Path | None) -> str:
    """Write figures into a file, if one is named, and return their text."""
    text = json.dumps(figures, indent=2)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n")
    return text
