"""The client's calls about models and the reindex, against the whole API."""

from __future__ import annotations

import time

import httpx
import pytest

from glimpse_client import Glimpse, NotThere, RequestRefused
from tests.support.inline import Inline

ACTIVE, OTHER = "hashing", "other"


@pytest.fixture
def glimpse(inline: Inline) -> Glimpse:
    inline.add_model(OTHER)
    return Glimpse("http://127.0.0.1", transport=httpx.WSGITransport(inline.app))


def test_models_are_listed_used_and_dropped(inline: Inline, glimpse: Glimpse) -> None:
    found = glimpse.models()
    assert (found.active, [model.name for model in found.models]) == (ACTIVE, [ACTIVE, OTHER])
    assert (found.models[1].dim, found.models[1].workers.search) == (8, 1)
    switch = glimpse.use_model(OTHER, allow_missing=True).switch
    assert switch is not None
    assert (switch.model, switch.state) == (OTHER, "running")
    inline.models.activate(OTHER, time.time())
    assert glimpse.models().active == OTHER
    for beat in inline.heartbeats.alive():
        inline.heartbeats.stop(beat.name)
    assert glimpse.drop_model(ACTIVE)
    # A model that is named as a path or a query would be.
    assert not glimpse.drop_model("open_clip:local-dir:/a b?c&d")


def test_a_reindex_is_started_seen_and_cancelled(glimpse: Glimpse) -> None:
    with pytest.raises(NotThere):
        glimpse.reindex()
    started = glimpse.start_reindex(OTHER)
    assert (started.model, started.source, started.ended) == (OTHER, ACTIVE, False)
    assert glimpse.reindex() == started
    cancelled = glimpse.cancel_reindex()
    assert (cancelled.state, cancelled.ended) == ("cancelled", True)


def test_a_conflict_that_needs_a_decision_is_not_retried(glimpse: Glimpse) -> None:
    with pytest.raises(RequestRefused) as refused:
        glimpse.start_reindex(ACTIVE)
    assert (refused.value.status, refused.value.code) == (409, "model_active")
