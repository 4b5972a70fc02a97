"""Runs a Glimpse program with its clock ``SKEW_S`` seconds ahead.

``python -m tests.support.skewed worker run search`` runs ``python -m worker run search``.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from datetime import datetime, tzinfo

# Before other imports: a module that has already imported the function keeps it.
from tests.support.skewed_time import RIGHT, skewed_time


class SkewedDatetime(datetime):
    """Replaces the class that Celery uses to compute and check the expiry of tasks."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> SkewedDatetime:
        return cls.fromtimestamp(skewed_time(), tz)


def main() -> None:
    for name in ("celery.app.base", "celery.worker.request"):
        vars(importlib.import_module(name))["datetime"] = SkewedDatetime
    # gRPC compares deadlines computed with Python's clock to C's clock, which is not skewed.
    vars(importlib.import_module("grpc._channel"))["time"] = RIGHT
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
