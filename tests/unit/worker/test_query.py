"""The algebra of queries: weighted unit vectors in, one unit vector out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import Unprocessable
from worker.search.query import combine

DIM = 8

weights = st.floats(-100, 100, allow_subnormal=False).filter(lambda weight: abs(weight) > 1e-3)


@st.composite
def terms(draw: st.DrawFn) -> list[tuple[float, NDArray[np.float32]]]:
    seeds = draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=6))
    return [(draw(weights), unit(seed)) for seed in seeds]


def unit(seed: int) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).standard_normal(DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def combined(terms: list[tuple[float, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """Combine terms; skip examples whose terms nearly cancel out."""
    total = sum(weight * vector.astype(np.float64) for weight, vector in terms)
    assume(np.linalg.norm(total) > 0.01 * sum(abs(weight) for weight, _ in terms))
    return combine([weight for weight, _ in terms], [vector for _, vector in terms])


@given(terms())
def test_the_query_is_the_direction_of_the_weighted_sum(
    terms: list[tuple[float, NDArray[np.float32]]],
) -> None:
    query = combined(terms)
    total = sum(weight * vector.astype(np.float64) for weight, vector in terms)
    assert query.dtype == np.float32
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(query, total / np.linalg.norm(total), atol=1e-6)


@given(terms(), st.randoms(use_true_random=False))
def test_the_order_of_terms_changes_nothing(
    terms: list[tuple[float, NDArray[np.float32]]], draw: object
) -> None:
    shuffled = sorted(terms, key=lambda _: draw.random())  # type: ignore[attr-defined]
    np.testing.assert_allclose(combined(terms), combined(shuffled), atol=1e-6)


@given(terms(), st.floats(0.01, 100))
def test_only_the_ratio_of_weights_counts(
    terms: list[tuple[float, NDArray[np.float32]]], factor: float
) -> None:
    scaled = [(weight * factor, vector) for weight, vector in terms]
    np.testing.assert_allclose(combined(terms), combined(scaled), atol=1e-6)


@given(terms())
def test_weights_turned_round_turn_the_query_round(
    terms: list[tuple[float, NDArray[np.float32]]],
) -> None:
    turned = [(-weight, vector) for weight, vector in terms]
    np.testing.assert_allclose(combined(terms), -combined(turned), atol=1e-6)


@given(st.integers(0, 10_000), weights)
def test_one_term_is_itself(seed: int, weight: float) -> None:
    np.testing.assert_allclose(
        combine([weight], [unit(seed)]), np.sign(weight) * unit(seed), atol=1e-6
    )


@given(terms())
def test_terms_that_cancel_are_refused(terms: list[tuple[float, NDArray[np.float32]]]) -> None:
    against = [(-weight, vector) for weight, vector in terms]
    both = [*terms, *reversed(against)]
    with pytest.raises(Unprocessable, match="cancel"):
        combine([weight for weight, _ in both], [vector for _, vector in both])


@pytest.mark.parametrize("weight", [0.0, -0.0])
def test_a_weight_of_nothing_points_nowhere(weight: float) -> None:
    with pytest.raises(Unprocessable, match="cancel"):
        combine([weight], [unit(1)])


def test_small_weights_are_weights() -> None:
    np.testing.assert_allclose(combine([1e-9], [unit(1)]), unit(1), atol=1e-6)
