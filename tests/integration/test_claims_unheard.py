"""Claims released during a Redis outage: released after it, or once their leases expire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.claims.base import Verdict
from common.claims.redis import RedisClaims
from common.errors import BrokerUnavailable
from common.redis.client import connect
from tests.conftest import require
from tests.support.polling import wait_for
from tests.support.services import Valkey

GRANTED, BUSY, SUSPECT, _ = Verdict

# One lease outlasts every test; the other expires during one.
LONG_S, SHORT_S = 60.0, 0.3

IMAGE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Valkey]:
    require(Valkey)
    with Valkey(tmp_path) as valkey:
        yield valkey


def claims_in(redis: Valkey, lease_s: float = LONG_S) -> RedisClaims:
    return RedisClaims(connect(redis.url), lease_s, 3)


def renewed(claims: RedisClaims) -> bool:
    """Renew once, as a worker does periodically; return whether Redis answered."""
    try:
        claims.renew()
    except BrokerUnavailable:
        return False
    return True


@pytest.mark.parametrize("is_settled", [True, False])
def test_redis_hears_later_of_what_was_let_go_of(redis: Valkey, is_settled: bool) -> None:
    claims = claims_in(redis)
    claims.take("one", "default", [IMAGE, OTHER])
    redis.suspend()
    if is_settled:
        claims.settle("one", "default", {IMAGE: "job"})
    else:
        claims.give_back("one", "default", [IMAGE])
    redis.resume()
    wait_for(lambda: renewed(claims), 30, "Redis")
    assert claims_in(redis).take("two", "default", [IMAGE, OTHER]) == [GRANTED, BUSY]
    assert claims.attempts("default", IMAGE) == 1


def test_what_redis_never_hears_of_runs_out(redis: Valkey) -> None:
    claims = claims_in(redis, SHORT_S)
    claims.take("one", "default", [IMAGE])
    redis.kill()
    claims.settle("one", "default", {IMAGE: ""})
    redis.start()
    # The worker has died, so nothing renews its lease.
    time.sleep(SHORT_S * 2)
    assert claims_in(redis).take("two", "default", [IMAGE]) == [SUSPECT]


def test_what_is_claimed_anew_is_not_let_go_of(redis: Valkey) -> None:
    claims = claims_in(redis)
    claims.take("one", "default", [IMAGE])
    redis.kill()
    claims.give_back("one", "default", [IMAGE])
    redis.start()
    assert claims.take("one", "default", [IMAGE]) == [GRANTED]
    wait_for(lambda: renewed(claims), 30, "Redis")
    assert claims_in(redis).take("two", "default", [IMAGE]) == [BUSY]


def take_unheard(redis: Valkey, claims: RedisClaims) -> None:
    """Let Redis grant a claim whose reply comes too late for the caller."""
    # Redis knows the script from here on.
    claims.take("one", "default", [OTHER])
    redis.suspend()
    with pytest.raises(BrokerUnavailable):
        claims.take("one", "default", [IMAGE])
    redis.resume()
    wait_for(lambda: claims_in(redis).holder("default", IMAGE) == "one", 30, "the claim")


def test_a_claim_whose_grant_was_not_heard_is_given_back(redis: Valkey) -> None:
    claims = claims_in(redis)
    take_unheard(redis, claims)
    assert renewed(claims)
    assert claims.attempts("default", IMAGE) == 0
    assert claims_in(redis).take("two", "default", [IMAGE, OTHER]) == [GRANTED, BUSY]


def test_a_claim_whose_grant_was_heard_the_second_time_is_held(redis: Valkey) -> None:
    claims = claims_in(redis)
    take_unheard(redis, claims)
    assert claims.take("one", "default", [IMAGE]) == [GRANTED]
    assert renewed(claims)
    assert claims.attempts("default", IMAGE) == 1
    assert claims_in(redis).take("two", "default", [IMAGE]) == [BUSY]


def test_a_claim_that_is_held_stays_so_if_a_second_grant_is_not_heard(redis: Valkey) -> None:
    claims = claims_in(redis)
    claims.take("one", "default", [IMAGE])
    take_unheard(redis, claims)
    assert renewed(claims)
    assert claims_in(redis).take("two", "default", [IMAGE]) == [BUSY]
