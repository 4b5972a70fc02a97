"""Tasks that a caller waits for."""

from __future__ import annotations

from typing import Any

import pytest

from api.services import services_of
from common.contract import (
    CATALOG_KNOWN,
    SEARCH_QUEUE,
    SEARCH_RUN,
    CatalogKnownRequest,
    Payload,
    SearchRequest,
    Term,
)
from tests.support.inline import Inline

REQUESTS = {
    SEARCH_RUN: SearchRequest(terms=[Term(text="red")]),
    CATALOG_KNOWN: CatalogKnownRequest(ids=["0" * 64]),
}


def result(inline: Inline, task: str, payload: Payload) -> dict[str, Any]:
    """Send a task and return its result."""
    dispatcher = services_of(inline.app).dispatcher
    dispatcher.send(task, SEARCH_QUEUE, "id", payload)
    found = dispatcher.result("id")
    assert found.state == "succeeded"
    return found.value


@pytest.mark.parametrize("task", REQUESTS)
def test_a_payload_of_a_later_version_is_answered_at_once(inline: Inline, task: str) -> None:
    request = REQUESTS[task]
    assert "error" not in result(inline, task, request)
    later = request.model_copy(update={"version": 9})
    error = result(inline, task, later)["error"]
    assert error["code"] == "worker_unavailable"
    assert "upgrade the workers" in error["detail"]
