"""A program of ours on a machine whose clock is wrong: ``SKEW_S`` seconds ahead.

``python -m tests.support.skewed worker run search`` is ``python -m worker run search``.
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
# The module as it is where the clock is right.
_right = types.SimpleNamespace(**vars(time))


def skewed_time() -> float:
    return _real_time() + _SKEW_S


def skewed_time_ns() -> int:
    return int(skewed_time() * 1e9)


class SkewedDatetime(datetime):
    """The class that Celery asks when a task expires, and whether it has."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> SkewedDatetime:
        return cls.fromtimestamp(skewed_time(), tz)


def main() -> None:
    # Before anything else is imported: who has the old function keeps it.
    time.time, time.time_ns = skewed_time, skewed_time_ns
    for name in ("celery.app.base", "celery.worker.request"):
        vars(importlib.import_module(name))["datetime"] = SkewedDatetime
    # What it computes by Python's clock it compares with C's, which is not skewed.
    vars(importlib.import_module("grpc._channel"))["time"] = _right
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
