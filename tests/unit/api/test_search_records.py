"""Search records: when a search without a result counts as failed."""

from __future__ import annotations

import pytest

from api.dispatch.base import TaskResult, TaskState
from api.search_records import SearchRecord
from common.contract import SearchRequest, Term

RECORD = SearchRecord(
    id="1" * 32, created_at=1000.0, request=SearchRequest(terms=[Term(text="a dog")])
)


@pytest.mark.parametrize(
    ("state", "age_s", "expected"),
    [
        ("queued", 65.0, "queued"),
        ("running", 65.0, "running"),
        ("queued", 65.1, "failed"),
        ("running", 65.1, "failed"),
        ("succeeded", 1e6, "succeeded"),
        ("failed", 0.0, "failed"),
    ],
)
def test_a_search_fails_once_no_worker_can_answer_any_more(
    state: TaskState, age_s: float, expected: TaskState
) -> None:
    assert RECORD.standing(TaskResult(state), 1000.0 + age_s, expires_s=5).state == expected


def test_a_result_stays_as_it_is() -> None:
    found = TaskResult("succeeded", {"hits": []})
    assert RECORD.standing(found, 1e9, expires_s=5) is found
