"""Contract tests for claims: Valkey, Redis, and memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from common.claims.base import Claim, Claims, Left, Verdict
from common.claims.memory import ClaimTable, MemoryClaims
from common.claims.redis import RedisClaims
from common.redis.client import connect

GRANTED, BUSY, SUSPECT, QUARANTINED = Verdict

# One lease outlasts every test; the other expires during one.
LONG_S, SHORT_S = 60.0, 0.2

# Makes another worker's claims, with leases of the given seconds.
NewWorker = Callable[[float], Claims]


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def new_worker(request: pytest.FixtureRequest) -> Iterator[NewWorker]:
    if request.param == "memory":
        table = ClaimTable()
        yield lambda lease_s: MemoryClaims(lease_s, 3, table)
        return
    client = connect(request.getfixturevalue(request.param).url)
    yield lambda lease_s: RedisClaims(client, lease_s, 3)
    client.close()


@pytest.fixture
def claims(new_worker: NewWorker) -> Claims:
    return new_worker(LONG_S)


@pytest.fixture
def image() -> str:
    return uuid.uuid4().hex * 2


def die(new_worker: NewWorker, image: str, times: int) -> None:
    """Let workers die while they process the image."""
    for _ in range(times):
        doomed = new_worker(SHORT_S)
        assert doomed.take(uuid.uuid4().hex, "default", [image], alone=True) == [GRANTED]
        time.sleep(SHORT_S * 1.5)


def test_an_image_is_in_one_hand_at_a_time(claims: Claims, image: str) -> None:
    other = uuid.uuid4().hex * 2
    assert claims.take("one", "default", [image]) == [GRANTED]
    assert claims.take("two", "default", [image, other]) == [BUSY, GRANTED]
    claims.settle("one", "default", {image: "job"})
    assert claims.take("two", "default", [image]) == [GRANTED]


def test_an_owner_that_asks_again_has_it_still(claims: Claims, image: str) -> None:
    assert claims.take("one", "default", [image]) == [GRANTED]
    assert claims.take("one", "default", [image]) == [GRANTED]
    assert claims.attempts("default", image) == 1
    assert claims.deaths("default", image) == 0


def test_the_holder_is_known_until_it_releases_even_after_its_death(
    new_worker: NewWorker, image: str
) -> None:
    claims = new_worker(SHORT_S)
    assert claims.holder("default", image) is None
    claims.take("one", "default", [image])
    time.sleep(SHORT_S * 1.5)
    assert claims.holder("default", image) == "one"
    claims.settle("one", "default", {image: "job"})
    assert claims.holder("default", image) is None


def test_tenants_do_not_meet(claims: Claims, image: str) -> None:
    assert claims.take("one", "default", [image]) == [GRANTED]
    assert claims.take("two", "other", [image]) == [GRANTED]


def test_what_is_settled_is_forgotten(claims: Claims, image: str) -> None:
    claims.take("one", "default", [image])
    claims.settle("one", "default", {image: "job"})
    assert claims.attempts("default", image) == 0


def test_what_is_given_back_was_no_attempt(claims: Claims, image: str) -> None:
    for _ in range(10):
        assert claims.take("one", "default", [image]) == [GRANTED]
        claims.give_back("one", "default", [image])
    assert claims.attempts("default", image) == 0


def test_what_is_given_back_because_a_process_died_is_a_suspect(claims: Claims, image: str) -> None:
    other = uuid.uuid4().hex * 2
    for deaths in range(1, 4):
        assert claims.take("one", "default", [image, other], alone=True) == [GRANTED, GRANTED]
        claims.give_back("one", "default", [image, other], deadly=[image])
        assert claims.attempts("default", image) == claims.deaths("default", image) == deaths
        assert claims.attempts("default", other) == 0
        assert claims.take("two", "default", [image]) == [SUSPECT if deaths < 3 else QUARANTINED]
    claims.forget("default", [image])
    assert claims.take("two", "default", [image]) == [GRANTED]


def test_only_the_owner_lets_go(claims: Claims, image: str) -> None:
    claims.take("one", "default", [image])
    claims.settle("two", "default", {image: "job"})
    claims.give_back("two", "default", [image])
    assert claims.take("three", "default", [image]) == [BUSY]


def test_what_was_in_hand_at_a_death_is_a_suspect(new_worker: NewWorker, image: str) -> None:
    die(new_worker, image, 1)
    claims = new_worker(LONG_S)
    assert claims.take("one", "default", [image]) == [SUSPECT]
    assert claims.attempts("default", image) == 1
    assert claims.take("one", "default", [image], alone=True) == [GRANTED]
    assert claims.attempts("default", image) == 2
    assert claims.deaths("default", image) == 1
    claims.settle("one", "default", {image: "job"})
    assert claims.take("one", "default", [image]) == [GRANTED]


def test_a_suspect_that_is_given_back_stays_one(new_worker: NewWorker, image: str) -> None:
    die(new_worker, image, 1)
    claims = new_worker(LONG_S)
    claims.take("one", "default", [image], alone=True)
    claims.give_back("one", "default", [image])
    assert claims.take("two", "default", [image]) == [SUSPECT]


def test_the_third_death_is_the_last(new_worker: NewWorker, image: str) -> None:
    die(new_worker, image, 3)
    claims = new_worker(LONG_S)
    assert claims.deaths("default", image) == 3
    assert claims.take("one", "default", [image]) == [QUARANTINED]
    assert claims.take("one", "default", [image], alone=True) == [QUARANTINED]
    assert claims.attempts("default", image) == 3


def test_a_quarantined_image_is_tried_anew_once_it_is_forgotten(
    new_worker: NewWorker, image: str
) -> None:
    die(new_worker, image, 3)
    claims = new_worker(LONG_S)
    claims.forget("default", [image])
    assert claims.take("one", "default", [image]) == [GRANTED]
    assert claims.attempts("default", image) == 1


def test_what_is_renewed_does_not_run_out(new_worker: NewWorker, image: str) -> None:
    slow = new_worker(SHORT_S * 2)
    slow.take("one", "default", [image])
    for _ in range(6):
        time.sleep(SHORT_S)
        slow.renew()
        assert new_worker(LONG_S).take("two", "default", [image]) == [BUSY]


def test_a_worker_renews_only_its_own(new_worker: NewWorker, image: str) -> None:
    new_worker(SHORT_S).take("one", "default", [image])
    other = new_worker(SHORT_S)
    other.take("two", "default", [uuid.uuid4().hex * 2])
    time.sleep(SHORT_S * 1.5)
    other.renew()
    assert other.take("two", "default", [image]) == [SUSPECT]


def test_asking_in_vain_does_not_take_over_the_renewals(new_worker: NewWorker, image: str) -> None:
    worker = new_worker(SHORT_S * 2)
    worker.take("one", "default", [image])
    assert worker.take("two", "default", [image]) == [BUSY]
    for _ in range(4):
        time.sleep(SHORT_S)
        worker.renew()
    assert worker.take("one", "default", [image]) == [GRANTED]
    assert worker.attempts("default", image) == 1


def test_a_worker_that_ends_gives_everything_back(new_worker: NewWorker, image: str) -> None:
    ending = new_worker(LONG_S)
    ending.take("one", "default", [image])
    ending.take("two", "other", [image])
    ending.give_back_all()
    claims = new_worker(LONG_S)
    assert claims.take("three", "default", [image]) == [GRANTED]
    assert claims.attempts("default", image) == 1
    assert claims.take("three", "other", [image]) == [GRANTED]


def test_nothing_asked_is_nothing_answered(claims: Claims) -> None:
    assert claims.take("one", "default", []) == []
    claims.settle("one", "default", {})
    claims.give_back("one", "default", [])
    claims.forget("default", [])
    claims.renew()
    claims.give_back_all()
    assert claims.attempts("default", "0" * 64) == 0


def test_a_claim_holds_until_another_has_the_image(new_worker: NewWorker, image: str) -> None:
    first, other = new_worker(SHORT_S), uuid.uuid4().hex * 2
    first.take("one", "default", [image, other])
    time.sleep(SHORT_S * 1.5)
    claims = [Claim("one", "default", image), Claim("one", "default", other)]
    assert new_worker(LONG_S).take("two", "default", [image], alone=True) == [GRANTED]
    # An image that no other worker claimed belongs to its owner again.
    assert first.confirm(claims) == [False, True]
    assert new_worker(LONG_S).take("three", "default", [other]) == [BUSY]


def test_a_claim_that_was_let_go_of_does_not_hold(claims: Claims, image: str) -> None:
    claims.take("one", "default", [image])
    claims.give_back("one", "default", [image])
    assert claims.confirm([Claim("one", "default", image)]) == [False]


def test_a_claim_that_is_confirmed_is_prolonged(new_worker: NewWorker, image: str) -> None:
    worker = new_worker(SHORT_S * 2)
    worker.take("one", "default", [image])
    for _ in range(4):
        time.sleep(SHORT_S)
        assert worker.confirm([Claim("one", "default", image)]) == [True]
    assert new_worker(LONG_S).take("two", "default", [image]) == [BUSY]


def test_what_is_left_of_an_image_is_remembered_once_it_was_taken_over(
    new_worker: NewWorker, image: str
) -> None:
    die(new_worker, image, 1)
    claims = new_worker(LONG_S)
    claims.take("two", "default", [image], alone=True)
    assert claims.left("default", [image]) == {}
    claims.settle("two", "default", {image: "job two"})
    assert claims.left("default", [image]) == {image: Left("job two")}
    assert claims.attempts("default", image) == 0
    assert claims.take("three", "default", [image]) == [GRANTED]
    claims.settle("three", "default", {image: ""})
    assert claims.left("default", [image]) == {image: Left("")}
    claims.take("four", "default", [image])
    claims.give_back("four", "default", [image])
    assert claims.left("default", [image]) == {image: Left("")}


def test_what_an_owner_has_written_is_known_before_it_settles_the_image(
    new_worker: NewWorker, image: str
) -> None:
    other = uuid.uuid4().hex
    die(new_worker, image, 1)
    claims = new_worker(LONG_S)
    claims.take("two", "default", [image, other], alone=True)
    held = [Claim("two", "default", image), Claim("two", "default", other)]
    written = [Left("job", "{}"), Left("job")]
    assert claims.confirm(held, written) == [True, True]
    assert claims.confirm(held) == [True, True]
    lost = [Claim("one", "default", image)]
    assert claims.confirm(lost, [Left("late job")]) == [False]
    # The other image was never taken over.
    assert claims.left("default", [image, other]) == {image: Left("job", "{}")}
    claims.give_back("two", "default", [image])
    assert claims.left("default", [image]) == {image: Left("job", "{}")}


def test_an_owner_may_settle_an_image_without_knowing_what_is_left(
    new_worker: NewWorker, image: str
) -> None:
    die(new_worker, image, 1)
    claims = new_worker(LONG_S)
    for owner, left, known in (("two", None, {}), ("three", "job", "job"), ("four", None, "job")):
        assert claims.take(owner, "default", [image], alone=True) == [GRANTED]
        claims.settle(owner, "default", {image: left})
        assert claims.left("default", [image]) == (known and {image: Left("job")})
        assert claims.attempts("default", image) == 0


def test_what_is_left_of_other_images_is_not(claims: Claims, image: str) -> None:
    claims.take("one", "default", [image])
    claims.settle("one", "default", {image: "job"})
    assert claims.left("default", [image]) == {}


def test_what_is_forgotten_may_still_be_in_the_hand_of_one_that_comes_back(
    new_worker: NewWorker, image: str
) -> None:
    die(new_worker, image, 3)
    claims = new_worker(LONG_S)
    claims.forget("default", [image])
    claims.take("one", "default", [image])
    claims.settle("one", "default", {image: "job"})
    assert claims.left("default", [image]) == {image: Left("job")}


def test_what_is_in_hand_is_not_forgotten(new_worker: NewWorker, image: str) -> None:
    claims = new_worker(LONG_S)
    claims.take("one", "default", [image])
    new_worker(LONG_S).forget("default", [image])
    assert claims.take("two", "default", [image]) == [BUSY]
    assert claims.attempts("default", image) == 1


def test_the_record_of_an_edit_is_remembered_until_another_job_writes_the_row(
    new_worker: NewWorker, image: str
) -> None:
    die(new_worker, image, 1)
    claims = new_worker(LONG_S)

    def settled(job_id: str, record: str = "") -> object:
        claims.take("one", "default", [image], alone=True)
        claims.settle("one", "default", {image: job_id}, {image: record} if record else {})
        return claims.left("default", [image])[image]

    assert settled("edit", "{}") == Left("edit", "{}")
    assert settled("edit") == Left("edit", "{}")
    assert settled("later edit", '{"id": 1}') == Left("later edit", '{"id": 1}')
    assert settled("upload") == Left("upload")
    assert settled("edit", "{}") == Left("edit", "{}")
    assert settled("") == Left("")
