"""Runs a Glimpse program with its clock ``SKEW_S`` seconds ahead.

``python -m tests.support.skewed worker run search`` runs ``python -m worker run search``.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import time
import types
from datetime import datetime, tzinfo

_SKEW_S = float(os.environ["SKEW_S"])
_real_time = time.time
# A copy of the module with the correct clock.
_right = types.SimpleNamespace(**vars(time))


def skewed_time() -> float:
    return _real_time() + _SKEW_S


def skewed_time_ns() -> int:
    return int(skewed_time() * 1e9)


class SkewedDatetime(datetime):
    """Replaces the class that Celery uses to compute and check the expiry of tasks."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> SkewedDatetime:
        return cls.fromtimestamp(skewed_time(), tz)


def main() -> None:
    # Patch before other imports: a module that has already imported the function keeps it.
    time.time, time.time_ns = skewed_time, skewed_time_ns
    for name in ("celery.app.base", "celery.worker.request"):
        vars(importlib.import_module(name))["datetime"] = SkewedDatetime
    # gRPC compares deadlines computed with Python's clock to C's clock, which is not skewed.
    vars(importlib.import_module("grpc._channel"))["time"] = _right
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
