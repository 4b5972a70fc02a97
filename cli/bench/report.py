"""What a load test found."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel

from cli.bench.requests import Sample, answered, errors


class Latency(BaseModel):
    """Latencies of requests that succeeded, in milliseconds from when they were due."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Latency | None:
        """Return the latencies of samples; None without any."""
        if not samples:
            return None
        ordered = sorted(sample.latency_s * 1000 for sample in samples)

        def nearest_rank(share: float) -> float:
            return round(ordered[math.ceil(share * len(ordered)) - 1], 1)

        return cls(
            p50=nearest_rank(0.5),
            p95=nearest_rank(0.95),
            p99=nearest_rank(0.99),
            max=nearest_rank(1),
        )


class Kind(BaseModel):
    """Requests of one kind.

    Attributes:
        due: Number of requests that were due.
        succeeded: Number of those that succeeded.
        per_s: Those per second, until the last answer.
        latency_ms: Their latencies; None if none succeeded.
        errors: Numbers of the others by code, also of those held back after a ``Retry-After``.
    """

    due: int
    succeeded: int
    per_s: float
    latency_ms: Latency | None
    errors: dict[str, int]

    @classmethod
    def of(cls, samples: Sequence[Sample], began_s: float, seconds: float) -> Kind:
        """Return the figures of requests.

        Args:
            samples: The requests.
            began_s: When the first one was due.
            seconds: How long requests were sent.
        """
        good = answered(samples)
        took_s = max([seconds, *(sample.answered_s - began_s for sample in good)])
        return cls(
            due=len(samples),
            succeeded=len(good),
            per_s=round(len(good) / took_s, 2),
            latency_ms=Latency.of(good),
            errors=errors(samples),
        )


class Report(BaseModel):
    """The figures of a load test.

    Attributes:
        url: The service.
        tag: The tag of the uploaded images.
        seconds: How long the load lasted.
        late_ms: By how much this machine sent requests late, at most; latencies include it.
        bytes: Size of the uploaded pictures.
        uploads: Uploads of one picture each; succeeded are those accepted.
        searchable: The accepted images; succeeded are those that searches found. Their latency
            begins when the upload was due.
        searches_idle: Searches before the uploads.
        searches: Searches beside the uploads.
        left: Number of uploaded images that could not be deleted.
    """

    url: str
    tag: str
    seconds: float
    late_ms: float
    bytes: int
    uploads: Kind
    searchable: Kind
    searches_idle: Kind
    searches: Kind
    left: int = 0
