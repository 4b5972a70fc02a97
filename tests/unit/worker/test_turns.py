"""The turns of queues: nothing is lost, and no tenant waits for the whole backlog of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from common.broker.names import SHARES, is_first, queues_of
from common.contract import INGEST_QUEUE
from worker.delivery.turns import Turns

QUEUES = queues_of(INGEST_QUEUE, [None, "m"])
FIRST = next(name for name in QUEUES if is_first(name))


def turns_of(full: frozenset[str] = frozenset()) -> Turns:
    turns = Turns(full.__contains__)
    turns.update(QUEUES)
    return turns


def drained(turns: Turns, lengths: Mapping[str, int]) -> list[str]:
    """Take all messages as BRPOP does; return the queue of each."""
    taken: list[str] = []
    waiting = Counter(lengths)
    while waiting.total():
        queue = next(name for name in turns.consume(len(QUEUES)) if waiting[name])
        waiting[queue] -= 1
        taken.append(turns.rotate(queue))
    return taken


LENGTHS = st.dictionaries(st.sampled_from(QUEUES), st.integers(0, 40))


@given(LENGTHS)
def test_every_message_is_taken_once(lengths: dict[str, int]) -> None:
    assert Counter(drained(turns_of(), lengths)) == +Counter(lengths)


@given(LENGTHS)
def test_no_queue_is_passed_over_while_it_waits(lengths: dict[str, int]) -> None:
    """Between two turns of a backlog, every other one has at most one turn."""
    taken = [name for name in drained(turns_of(), lengths) if not is_first(name)]
    left = Counter({name: n for name, n in lengths.items() if not is_first(name)})
    last: dict[str, int] = {}
    for at, name in enumerate(taken):
        since = taken[last.get(name, -1) + 1 : at]
        assert max(Counter(since).values(), default=0) <= 1
        last[name] = at
        left[name] -= 1
    assert not +left


@given(LENGTHS)
def test_first_images_have_every_other_turn(lengths: dict[str, int]) -> None:
    taken = drained(turns_of(), lengths | {FIRST: 200})
    others = sum(lengths.values()) - lengths.get(FIRST, 0)
    alternating = taken[: 2 * min(others, 200)]
    assert [is_first(name) for name in alternating] == [True, False] * (len(alternating) // 2)


def test_a_long_backlog_delays_another_by_one_turn() -> None:
    long, short = QUEUES[3], QUEUES[5]
    turns = turns_of()
    assert drained(turns, {long: 1000}) == [long] * 1000
    assert drained(turns, {long: 1000, short: 1}).index(short) <= 1


@given(st.permutations(QUEUES), st.integers(1, SHARES))
def test_a_queue_at_its_bound_is_left_out(queues: list[str], count: int) -> None:
    full = frozenset(queues[:count])
    assert set(turns_of(full).consume(len(QUEUES))) == set(QUEUES) - full
