"""The random engine: rounds of Hypothesis, each with its own seed, until time is up."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.target import Target, load

# Cases per round: enough for Hypothesis to vary its findings, few enough to stop in time.
_CASES = 200

# A round is not a regular test: slow or large cases are not failures.
_SETTINGS = settings(
    max_examples=_CASES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def run_rounds(name: str, budget_s: float, first: int) -> None:
    """Try the seeds, and then rounds of cases; shrink and raise a case that fails.

    Args:
        name: Name of the target.
        budget_s: Seconds after which no further round starts.
        first: Number of the first round; the same number draws the same cases.
    """
    target = load(name)
    deadline = time.monotonic() + budget_s
    for data in target.seeds:
        target.check(target.read(data))
    number = first
    while number == first or time.monotonic() < deadline:
        try:
            _round(target, number)()
        except BaseException:
            print(f"The same again: make fuzz-again TARGET={name} ROUND={number}", flush=True)
            raise
        number += 1
    print(f"{name}: {number - first} rounds of {_CASES} cases, from {first} on")


def _round(target: Target, number: int) -> Callable[[], None]:
    def check(case: object) -> None:
        target.check(case)

    test: Callable[[], None] = seed(number)(_SETTINGS(given(case=target.all_cases())(check)))
    return test
