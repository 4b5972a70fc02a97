"""Contract tests for dead letters: Valkey, Redis, and memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.dead_letters.base import DeadLetter, DeadLetters
from common.dead_letters.memory import MemoryDeadLetters
from common.dead_letters.redis import RedisDeadLetters
from common.errors import DeadLetterBusy, NotFound
from common.redis.client import connect


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def letters(request: pytest.FixtureRequest) -> Iterator[DeadLetters]:
    if request.param == "memory":
        yield MemoryDeadLetters()
        return
    client = connect(request.getfixturevalue(request.param).url)
    yield RedisDeadLetters(client)
    client.close()


@pytest.fixture
def tenant() -> str:
    return uuid.uuid4().hex


def letter(tenant: str, number: int, at: float, **changes: object) -> DeadLetter:
    fields = {
        "id": f"{number:064x}",
        "tenant": tenant,
        "filename": f"{number}.jpg",
        "job_id": "job",
        "code": "quarantined",
        "detail": "It was in hand when a worker died.",
        "attempts": 3,
        "at": at,
        "tags": ["dog"],
        "metadata": {"year": 2026},
    }
    return DeadLetter.model_validate(fields | changes)


def test_a_letter_is_kept_whole(letters: DeadLetters, tenant: str) -> None:
    kept = letter(tenant, 1, at=1_700_000_000.123456)
    letters.put([kept])
    assert letters.get(tenant, kept.id) == kept
    assert letters.page(tenant, 10) == ([kept], None)


def test_an_unknown_letter_is_not_found(letters: DeadLetters, tenant: str) -> None:
    with pytest.raises(NotFound, match="no dead letter"):
        letters.get(tenant, "0" * 64)
    assert not letters.remove(tenant, "0" * 64)
    assert letters.page(tenant, 10) == ([], None)


def test_a_letter_is_removed_once(letters: DeadLetters, tenant: str) -> None:
    letters.put([letter(tenant, 1, at=1.0)])
    assert letters.remove(tenant, f"{1:064x}")
    assert not letters.remove(tenant, f"{1:064x}")
    assert letters.page(tenant, 10) == ([], None)


def test_a_newer_letter_stays_where_an_older_one_is_removed(
    letters: DeadLetters, tenant: str
) -> None:
    letters.put([letter(tenant, 1, at=2.0, job_id="newer")])
    assert not letters.remove(tenant, f"{1:064x}", job_id="older")
    assert letters.get(tenant, f"{1:064x}").job_id == "newer"
    assert letters.remove(tenant, f"{1:064x}", job_id="newer")
    assert letters.page(tenant, 10) == ([], None)


def test_a_letter_is_taken_by_one_at_a_time(letters: DeadLetters, tenant: str) -> None:
    kept = letter(tenant, 1, at=1.0)
    letters.put([kept, letter(f"{tenant}2", 1, at=1.0), letter(tenant, 2, at=1.0)])
    assert letters.take(tenant, kept.id, "a", lease_s=600) == kept
    with pytest.raises(DeadLetterBusy, match="Try again in a moment"):
        letters.take(tenant, kept.id, "b", lease_s=600)
    # The same owner retries after it lost the answer.
    assert letters.take(tenant, kept.id, "a", lease_s=600) == kept
    assert letters.get(tenant, kept.id) == kept
    assert letters.page(f"{tenant}2", 10) == ([letter(f"{tenant}2", 1, at=1.0)], None)
    assert letters.take(f"{tenant}2", kept.id, "b", lease_s=600)
    assert letters.take(tenant, f"{2:064x}", "b", lease_s=600)


def test_of_many_at_once_one_takes_it(letters: DeadLetters, tenant: str) -> None:
    letters.put([letter(tenant, 1, at=1.0)])

    def take(owner: str) -> bool:
        try:
            letters.take(tenant, f"{1:064x}", owner, lease_s=600)
        except DeadLetterBusy:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(take, map(str, range(16)))) == 1


def test_only_its_owner_gives_a_letter_back(letters: DeadLetters, tenant: str) -> None:
    letters.put([letter(tenant, 1, at=1.0)])
    letters.take(tenant, f"{1:064x}", "a", lease_s=600)
    letters.give_back(tenant, f"{1:064x}", "b")
    with pytest.raises(DeadLetterBusy):
        letters.take(tenant, f"{1:064x}", "b", lease_s=600)
    letters.give_back(tenant, f"{1:064x}", "a")
    letters.give_back(tenant, f"{1:064x}", "a")
    assert letters.take(tenant, f"{1:064x}", "b", lease_s=600)


def test_a_letter_of_the_dead_is_free_after_its_lease(letters: DeadLetters, tenant: str) -> None:
    letters.put([letter(tenant, 1, at=1.0)])
    letters.take(tenant, f"{1:064x}", "dead", lease_s=0.05)
    time.sleep(0.1)
    assert letters.take(tenant, f"{1:064x}", "a", lease_s=600)
    letters.give_back(tenant, f"{1:064x}", "dead")
    with pytest.raises(DeadLetterBusy):
        letters.take(tenant, f"{1:064x}", "b", lease_s=600)


def test_what_is_not_there_cannot_be_taken(letters: DeadLetters, tenant: str) -> None:
    with pytest.raises(NotFound, match="no dead letter"):
        letters.take(tenant, "0" * 64, "a", lease_s=600)
    letters.put([letter(tenant, 1, at=1.0)])
    letters.take(tenant, f"{1:064x}", "a", lease_s=600)
    letters.remove(tenant, f"{1:064x}")
    with pytest.raises(NotFound):
        letters.take(tenant, f"{1:064x}", "b", lease_s=600)


def test_letters_of_all_tenants_are_counted(letters: DeadLetters, tenant: str) -> None:
    before = letters.count()
    letters.put([letter(tenant, number, at=1.0) for number in range(3)])
    letters.put([letter(f"{tenant}2", 1, at=1.0)])
    assert letters.count() == before + 4
    letters.remove(tenant, f"{1:064x}")
    assert letters.count() == before + 3


def test_an_image_has_one_letter_the_newest(letters: DeadLetters, tenant: str) -> None:
    letters.put([letter(tenant, 1, at=1.0)])
    letters.put([letter(tenant, 1, at=2.0, code="encoder_error")])
    (found,), following = letters.page(tenant, 10)
    assert (found.code, found.at, following) == ("encoder_error", 2.0, None)


def test_tenants_do_not_see_each_others(letters: DeadLetters, tenant: str) -> None:
    letters.put([letter(tenant, 1, at=1.0)])
    assert letters.page(f"{tenant}2", 10) == ([], None)
    with pytest.raises(NotFound):
        letters.get(f"{tenant}2", f"{1:064x}")


def test_pages_go_from_the_newest_to_the_oldest(letters: DeadLetters, tenant: str) -> None:
    # Several letters share a time, as after an outage.
    letters.put([letter(tenant, number, at=float(number // 3)) for number in range(10)])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = letters.page(tenant, 4, cursor)
        assert len(page) <= 4
        seen += [found.filename for found in page]
        if cursor is None:
            break
    assert seen == [f"{number}.jpg" for number in reversed(range(10))]


def test_a_page_that_ends_with_the_last_has_none_behind_it(
    letters: DeadLetters, tenant: str
) -> None:
    letters.put([letter(tenant, number, at=1.0) for number in range(4)])
    assert letters.page(tenant, 4)[1] is None


def test_a_cursor_survives_the_removal_of_its_letter(letters: DeadLetters, tenant: str) -> None:
    letters.put([letter(tenant, number, at=float(number)) for number in range(3)])
    page, cursor = letters.page(tenant, 1)
    letters.remove(tenant, page[0].id)
    rest, _ = letters.page(tenant, 10, cursor)
    assert [found.filename for found in rest] == ["1.jpg", "0.jpg"]


@pytest.mark.parametrize("cursor", ["nonsense", "", "-1.0-a", "nan-a", "inf-a", "1e999-a"])
def test_what_is_no_cursor_is_refused(letters: DeadLetters, tenant: str, cursor: str) -> None:
    letters.put([letter(tenant, 1, at=1.0)])
    with pytest.raises(ValueError, match=r"next_cursor"):
        letters.page(tenant, 1, cursor)


def test_tenants_with_letters_are_known(letters: DeadLetters, tenant: str) -> None:
    assert tenant not in letters.tenants()
    letters.put([letter(tenant, 1, at=1.0)])
    assert letters.tenants().count(tenant) == 1
