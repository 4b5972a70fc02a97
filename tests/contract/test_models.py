"""Contract tests for the models of a service: Valkey, Redis, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from common.models.base import Models, Roles, Switch
from common.models.memory import MemoryModels
from common.models.redis import RedisModels
from common.redis.client import connect

NEXT = Switch(model="new", state="running", at=1.0)


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def models(request: pytest.FixtureRequest) -> Iterator[Models]:
    if request.param == "memory":
        yield MemoryModels()
        return
    with connect(request.getfixturevalue(request.param).url) as client:
        client.delete("glimpse:model", "glimpse:models")
        yield RedisModels(client)
        client.delete("glimpse:model", "glimpse:models")


def test_the_first_model_with_a_worker_becomes_active(models: Models) -> None:
    assert models.roles() == Roles()
    with ThreadPoolExecutor() as threads:
        found = set(threads.map(lambda n: models.adopt(f"model-{n}").active, range(8)))
    assert len(found) == 1
    assert models.roles().active in found
    assert models.known() == [f"model-{n}" for n in range(8)]


def test_a_forgotten_model_is_no_longer_known(models: Models) -> None:
    models.adopt("old")
    models.adopt("new")
    models.forget("new")
    assert models.known() == ["old"]


def test_a_switch_moves_uploads_first_and_then_searches(models: Models) -> None:
    models.adopt("old")
    assert models.begin_switch(NEXT)
    assert models.roles() == Roles(active="old")
    assert models.hold_uploads("new")
    roles = models.roles()
    assert (roles.of(INGEST_QUEUE), roles.of(SEARCH_QUEUE)) == ("new", "old")
    assert models.activate("new", now=2.0)
    assert models.roles() == Roles(active="new")
    assert models.switch() == Switch(model="new", state="done", at=2.0)


def test_a_refused_switch_gives_uploads_back(models: Models) -> None:
    models.adopt("old")
    models.begin_switch(NEXT)
    models.hold_uploads("new")
    models.refuse("new", "Images are missing.", now=2.0)
    assert models.roles() == Roles(active="old")
    assert models.switch() == Switch(
        model="new", state="refused", detail="Images are missing.", at=2.0
    )


def test_a_switch_that_is_over_takes_no_step(models: Models) -> None:
    models.adopt("old")
    assert not models.hold_uploads("new")
    models.begin_switch(NEXT)
    models.refuse("new", "Called off.", now=2.0)
    assert not models.hold_uploads("new")
    assert not models.activate("new", now=3.0)
    models.refuse("new", "Again.", now=3.0)
    assert models.roles() == Roles(active="old")
    found = models.switch()
    assert found is not None
    assert found.detail == "Called off."


def test_one_switch_at_a_time_but_the_same_again(models: Models) -> None:
    models.adopt("old")
    assert models.begin_switch(NEXT)
    assert not models.begin_switch(NEXT.model_copy(update={"model": "other"}))
    assert models.begin_switch(NEXT.model_copy(update={"allow_missing": True}))
    found = models.switch()
    assert found is not None
    assert found.allow_missing
