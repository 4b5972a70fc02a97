"""What the parallel processes of pytest-xdist tell the one that started them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xdist.remote import WorkerInteractor

# Seconds of a set-up that may be among the slowest.
_LONG_S = 0.5


def report_less(node: WorkerInteractor) -> None:
    """Let a process send nothing of tests that begin, and of short set-ups that succeed.

    They are half of all messages of a run, and are not shown.
    """
    send = node.sendevent

    def send_if_shown(name: str, **values: Any) -> None:
        if name != "logstart" and not (name == "testreport" and _is_dull(values["data"])):
            send(name, **values)

    node.sendevent = send_if_shown  # type: ignore[method-assign]


def _is_dull(report: Mapping[str, Any]) -> bool:
    return (
        report["when"] != "call"
        and report["outcome"] == "passed"
        and report["duration"] < _LONG_S
        and not report["sections"]
    )
