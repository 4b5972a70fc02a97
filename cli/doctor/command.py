"""The command `glimpse doctor`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exit_codes import INCOMPLETE
from cli.service import redis_address
from cli.terminal.text import shown

if TYPE_CHECKING:
    from common.findings import Finding, Level

# The word and the colour of each level.
_MARKS: dict[Level, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "error": ("ERROR", "red"),
}


@click.command()
@redis_address.DATA
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def doctor(data: Path, as_json: bool) -> None:
    """Check every part of a running service, and say what to do.

    Run it with the settings (GLIMPSE_*) of the API or of a worker, or beside
    `glimpse up`. It writes and deletes a small blob. Exits with status 1 if it
    finds an error; warnings leave it at 0.

    \b
    Example:
      glimpse doctor
      glimpse doctor --json | jq '.[] | select(.level != "ok")'
    """  # noqa: D301 - click's marker for preformatted lines
    # Importing the settings takes longer than most commands run.
    from cli.doctor.checks import findings

    report = _Report(as_json)
    for finding in findings(data, os.environ):
        report.add(finding)
    report.end()
    if report.has_errors:
        sys.exit(INCOMPLETE)


class _Report:
    """Prints findings as they are found, or all of them as JSON in the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._findings: list[Finding] = []

    @property
    def has_errors(self) -> bool:
        return self._count("error") > 0

    def add(self, finding: Finding) -> None:
        self._findings.append(finding)
        if not self._as_json:
            word, colour = _MARKS[finding.level]
            mark = click.style(f"{word:<8}", fg=colour)
            click.echo(f"{mark} {finding.part:<8} {shown(finding.text)}")
            if finding.advice:
                click.echo(f"{'':<17} → {shown(finding.advice)}")

    def end(self) -> None:
        if self._as_json:
            click.echo(json.dumps([each.model_dump() for each in self._findings], indent=2))
        else:
            errors = _counted(self._count("error"), "error")
            warnings = _counted(self._count("warning"), "warning")
            click.echo(f"{_counted(len(self._findings), 'check')}: {errors}, {warnings}.")

    def _count(self, level: Level) -> int:
        return sum(finding.level == level for finding in self._findings)


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
