"""The API and its Redis as processes, and the CPU time each question costs them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import own_process
from benchmarks.api.bare import BareApi
from benchmarks.api.requests import QUESTIONS, picture
from benchmarks.figures import percentile
from benchmarks.process_usage import Session
from common.contract import DEFAULT_TENANT
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.services import Api, Valkey

# Duration of the warm-up, as a share of the measurement.
_WARM_UP = 0.2
# No worker consumes the uploads, so admission must accept any expected wait.
_SETTINGS = {"GLIMPSE_MAX_WAIT_S": "1e9"}
# Images of the polled job.
_IMAGES = 32
# Maximum pictures per measurement, so that no two measurements send the same bytes.
_NUMBERS = 1_000_000


@dataclass
class Measures:
    """Asks questions of running services.

    Attributes:
        parts: The processes whose CPU time is counted, by name.
        url: Base URL of the service.
        job_id: The job to poll.
        picture: File of the picture to upload.
        asked: Number of client runs so far.
    """

    parts: Mapping[str, Session]
    url: str
    job_id: str
    picture: Path
    asked: int = 0

    def run(self, question: str, seconds: float) -> dict[str, Any]:
        """Ask a question on all connections at once; return rate, latencies and CPU time."""
        self._ask(question, _WARM_UP * seconds)
        before = {name: part.cpu_s() for name, part in self.parts.items()}
        seen = self._ask(question, seconds)
        cpu_s = {name: part.cpu_s() - before[name] for name, part in self.parts.items()}
        cpu_s["client"] = seen["cpu_s"]
        answers = len(seen["ms"])
        return {
            "per_s": answers / seen["seconds"],
            "p50_ms": percentile(seen["ms"], 50),
            "p99_ms": percentile(seen["ms"], 99),
            "cpu_ms": {name: 1000 * spent / answers for name, spent in cpu_s.items()},
        }

    def _ask(self, question: str, seconds: float) -> dict[str, Any]:
        self.asked += 1
        return own_process.run(
            "benchmarks.api.client",
            url=self.url,
            question=question,
            job=self.job_id,
            picture=self.picture,
            first=self.asked * _NUMBERS,
            seconds=seconds,
        )


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Ask the API and the bare view each question, in turn."""
    with running(folder) as measures:
        return {
            question: {name: each.run(question, seconds) for name, each in measures.items()}
            for question in QUESTIONS
        }


@contextmanager
def running(folder: Path) -> Iterator[dict[str, Measures]]:
    """Start Valkey, the API and the bare view; yield the ``Measures`` of both applications."""
    file = folder / "picture.jpg"
    file.write_bytes(picture())
    with Valkey(folder / "redis") as redis:
        settings = {"GLIMPSE_REDIS_URL": redis.url, "GLIMPSE_BLOBS_DIR": str(folder / "blobs")}
        job_id = _job(redis.url)
        with (
            Api(folder / "api", settings | _SETTINGS) as api,
            BareApi(folder / "bare", {}) as bare,
        ):
            parts = {"api": Session(api.pid), "valkey": Session(redis.pid)}
            yield {
                "bare": Measures({"api": Session(bare.pid)}, bare.url, job_id, file),
                "glimpse": Measures(parts, api.url, job_id, file),
            }


def _job(url: str) -> str:
    """Create a job that a worker has started; return its id."""
    records = RedisJobs(connect(url), ttl_s=3600)
    job = Job(uuid.uuid4().hex, DEFAULT_TENANT, total=_IMAGES, created_at=time.time())
    records.create(job, [(f"{index:064x}", f"{index}.jpg") for index in range(_IMAGES)])
    records.accept(job.id)
    records.begin(job.id, [0])
    return job.id
