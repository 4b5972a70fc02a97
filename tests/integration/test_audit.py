"""The audit of pinned packages, against a vulnerability database on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.audit import Audit
from tests.support.make import made
from tests.support.services import free_port

ROOT = Path(__file__).parent.parent.parent
# A vulnerability in every version before 12, in OSV's format.
FLAW = {
    "id": "PYSEC-2026-1",
    "summary": "A picture runs code.",
    "affected": [
        {
            "package": {"name": "pillow", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "12.0.0"}]}],
            "versions": ["11.0.0"],
        }
    ],
}


class Database(BaseHTTPRequestHandler):
    """Returns the vulnerabilities of a package version, as OSV does."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_flawed = (asked["package"]["name"], asked["version"]) == ("pillow", "11.0.0")
        body = json.dumps({"vulns": [FLAW]} if is_flawed else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Log nothing, so that test output stays clean."""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def pinned(folder: Path, pin: str) -> Path:
    pins = folder / "constraints.txt"
    pins.write_text(f"{pin}\nflask==3.1.0\n")
    return pins


def audited(pins: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.audit", "--pins", str(pins), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_known_vulnerability_fails_it(database: str, tmp_path: Path) -> None:
    run = audited(pinned(tmp_path, "pillow==11.0.0"), "--osv-url", database)
    assert run.returncode == 1
    assert "pillow 11.0.0: PYSEC-2026-1, fixed in 12.0.0" in run.stdout
    assert "2 packages audited; known vulnerabilities: 1." in run.stdout


def test_a_fixed_version_passes(database: str, tmp_path: Path) -> None:
    output = made("audit", PINS=pinned(tmp_path, "pillow==12.0.0"), OSV_URL=database)
    assert "2 packages audited; known vulnerabilities: 0." in output


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--strict",), 1)])
def test_an_unreachable_database_is_reported(
    tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    away = f"http://127.0.0.1:{free_port()}/v1/query"
    run = audited(pinned(tmp_path, "pillow==11.0.0"), "--osv-url", away, *options)
    assert run.returncode == status
    assert "Not audited" in run.stderr


def test_a_mirror_without_vulnerability_data_is_reported() -> None:
    skipped = {"name": "pillow", "skip_reason": "Dependency not found on PyPI"}
    audit = Audit.read(json.dumps({"dependencies": [skipped], "fixes": []}))
    assert (audit.checked, audit.unknown) == (0, 1)
    assert audit.summary.startswith("Not audited")
