"""Test reports: shorter for tests that pass, with the services' logs for tests that fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from xdist.remote import WorkerInteractor

# Seconds of a set-up that may be among the slowest.
_LONG_S = 0.5
# Characters to show of the end of a log.
_LOG_CHARACTERS = 3000


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


def add_logs(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the ends of the logs in a test's own folder to its report, if it failed."""
    # Missing if the test has no folder, or failed before it got one.
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if not report.failed or folder is None:
        return
    for log in sorted(folder.rglob("*.log")):
        end = log.read_text(errors="replace")[-_LOG_CHARACTERS:]
        report.sections.append((f"End of {log.relative_to(folder)}", end))
