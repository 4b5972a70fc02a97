"""Check every pinned package against a database of known vulnerabilities.

    python -m scripts.audit [--strict] [--osv-url URL]

Runs pip-audit, and also reports packages that could *not* be checked: a mirror of PyPI may have no
data on vulnerabilities, which pip-audit reports as "none found".
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
    """The result of an audit.

    Args:
        checked: Number of packages in the database.
        unknown: Number of packages that are not in the database.
        vulnerabilities: A line for each known vulnerability.
    """

    checked: int
    unknown: int
    vulnerabilities: Sequence[str]

    @classmethod
    def read(cls, report: str) -> Audit:
        """Parse pip-audit's JSON report, which is empty if the database was unreachable."""
        packages = json.loads(report)["dependencies"] if report.strip() else []
        checked = [each for each in packages if "skip_reason" not in each]
        found = [_line(each, flaw) for each in checked for flaw in each["vulns"]]
        return cls(len(checked), len(packages) - len(checked), found)

    @property
    def summary(self) -> str:
        """The result in one sentence."""
        if not self.checked:
            return (
                "Not audited: no vulnerability database is reachable. Allow access to PyPI or pass"
                " --osv-url."
            )
        unknown = f"; {self.unknown} not in the database" if self.unknown else ""
        count = len(self.vulnerabilities)
        return f"{self.checked} packages audited{unknown}; known vulnerabilities: {count}."


def audit(pins: Path, options: Sequence[str] = ()) -> Audit:
    """Check the packages that a file pins."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins)]
    quiet = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    run = subprocess.run(  # noqa: S603 - fixed command
        [*command, *quiet, *options], capture_output=True, text=True, check=False
    )
    return Audit.read(run.stdout)


def _line(package: dict[str, Any], flaw: dict[str, Any]) -> str:
    fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}"


@click.command()
@click.option("--strict", is_flag=True, help="Also fail if no database is reachable.")
@click.option("--osv-url", help="URL of an OSV database to use instead of PyPI's.")
@click.option("--pins", type=click.Path(exists=True, path_type=Path), default=_PINS)
def main(strict: bool, osv_url: str | None, pins: Path) -> None:
    """Fail if a pinned package has a known vulnerability."""
    result = audit(pins, ("-s", "osv", "--osv-url", osv_url) if osv_url else ())
    for line in result.vulnerabilities:
        click.echo(line)
    click.echo(result.summary, err=not result.checked)
    sys.exit(bool(result.vulnerabilities) or (strict and not result.checked))


if __name__ == "__main__":
    main()
