"""Ask a database of known vulnerabilities about every package that is pinned.

    python -m scripts.audit [--strict] [--osv-url URL]

pip-audit asks. What it adds is a word on what could *not* be asked about: a mirror of
packages knows no vulnerabilities, and pip-audit calls that "none found".
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

_PINS = Path(__file__).parent.parent / "constraints.txt"


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of asking.

    Args:
        asked: Packages that the database knows.
        unknown: Packages that it knows nothing of.
        found: A line for each vulnerability.
    """

    asked: int
    unknown: int
    found: Sequence[str]

    @classmethod
    def read(cls, report: str) -> Audit:
        """Read pip-audit's report in JSON; where the database was away there is none."""
        packages = json.loads(report)["dependencies"] if report.strip() else []
        asked = [each for each in packages if "skip_reason" not in each]
        found = [_line(each, flaw) for each in asked for flaw in each["vulns"]]
        return cls(len(asked), len(packages) - len(asked), found)

    @property
    def says(self) -> str:
        """The outcome in a sentence."""
        if not self.asked:
            return "Not audited: no database of vulnerabilities could be asked from here."
        unknown = f"; {self.unknown} it does not know" if self.unknown else ""
        return f"{self.asked} packages audited{unknown}; known vulnerabilities: {len(self.found)}."


def audit(pins: Path, options: Sequence[str] = ()) -> Audit:
    """Ask about the packages that a file pins."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins)]
    quiet = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    run = subprocess.run(  # noqa: S603 - of our own words
        [*command, *quiet, *options], capture_output=True, text=True, check=False
    )
    return Audit.read(run.stdout)


def _line(package: dict[str, Any], flaw: dict[str, Any]) -> str:
    mended = ", ".join(flaw["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {flaw['id']}, mended in {mended}"


@click.command()
@click.option("--strict", is_flag=True, help="Fail, too, where no database could be asked.")
@click.option("--osv-url", help="Ask an OSV database at this address in the place of PyPI's.")
@click.option("--pins", type=click.Path(exists=True, path_type=Path), default=_PINS)
def main(strict: bool, osv_url: str | None, pins: Path) -> None:
    """Fail where a pinned package has a known vulnerability."""
    found = audit(pins, ("-s", "osv", "--osv-url", osv_url) if osv_url else ())
    for line in found.found:
        click.echo(line)
    click.echo(found.says, err=not found.asked)
    sys.exit(bool(found.found) or (strict and not found.asked))


if __name__ == "__main__":
    main()
