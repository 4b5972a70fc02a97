"""HTTP over loopback alone: the API benchmark's client, and a server that does nothing."""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import own_process
from benchmarks.api.requests import PICTURE_BYTES, picture
from benchmarks.figures import Figure, percentile
from tests.support.services import Service, free_port

# What the client asks: a poll, and an upload of a picture as the body.
_QUESTIONS = {"poll": "requests without a body", "body": "bodies of 100 kB"}


class BareServer(Service):
    """Runs ``benchmarks.limits.bare_server``."""

    name = "bare server"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        return [sys.executable, "-m", "benchmarks.limits.bare_server", str(self.port)]

    def answers(self) -> bool:
        """Return whether it accepts connections."""
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0


def measure(seconds: float) -> dict[str, dict[str, float]]:
    """Return the requests per second and their latencies in milliseconds, by what was sent."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.jpg"
        file.write_bytes(picture())
        with BareServer(Path(folder) / "server") as server:
            return {
                name: _ask(f"http://{server.address}:{server.port}", question, file, seconds)
                for question, name in _QUESTIONS.items()
            }


def _ask(url: str, question: str, file: Path, seconds: float) -> dict[str, float]:
    seen: dict[str, Any] = own_process.run(
        "benchmarks.api.client",
        url=url,
        question=question,
        job="0" * 32,
        picture=file,
        seconds=seconds,
    )
    percentiles = {f"p{share}": percentile(seen["ms"], share) for share in (50, 95, 99)}
    return {"per_s": len(seen["ms"]) / seen["seconds"], **percentiles}


def figures(found: dict[str, dict[str, float]]) -> list[Figure]:
    """Return the rates and latencies."""
    uploaded = found[_QUESTIONS["body"]]["per_s"] * PICTURE_BYTES / 1e6
    return [
        *(Figure(name, seen["per_s"], "requests/s") for name, seen in found.items()),
        Figure(f"{_QUESTIONS['body']}, throughput", uploaded, "MB/s"),
        *(
            Figure(f"{name}, {share}", seen[share], "ms")
            for name, seen in found.items()
            for share in ("p50", "p95", "p99")
        ),
    ]
