"""Near-duplicates are grouped as by a direct implementation of the rule."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from worker.search.duplicates import DISTANCE_MAX, by_cosine, by_hash, distance, group

# Directions whose cosines are far enough apart that rounding cannot matter.
DIRECTIONS = [
    np.array(direction, dtype=np.float32) / np.float32(np.linalg.norm(direction))
    for direction in itertools.product((-1, 0, 1, 2), repeat=3)
    if any(direction)
]
COSINES = sorted({round(float(one @ other), 4) for one in DIRECTIONS for other in DIRECTIONS})
# Thresholds halfway between two cosines, and 1.0, which only identical pictures reach.
THRESHOLDS = [
    (low + high) / 2
    for low, high in itertools.pairwise(COSINES)
    if low >= 0.5 and high - low > 1e-3
] + [1.0]


def plain(vectors: NDArray[np.float32], threshold: float) -> list[list[int]]:
    """Group by the rule itself, one hit at a time."""
    groups: list[list[int]] = []
    for at, vector in enumerate(vectors):
        for members in groups:
            if float(vectors[members[0]] @ vector) >= threshold - 1e-5:
                members.append(at)
                break
        else:
            groups.append([at])
    return groups


def grouped(vectors: NDArray[np.float32], threshold: float) -> list[list[int]]:
    return group(len(vectors), by_cosine(vectors, threshold))


def stacked(picks: list[int]) -> NDArray[np.float32]:
    return np.stack([DIRECTIONS[pick] for pick in picks])


picks = st.lists(st.integers(0, len(DIRECTIONS) - 1), min_size=1, max_size=60)
thresholds = st.sampled_from(THRESHOLDS)


@given(picks, thresholds)
def test_groups_are_those_of_the_rule(picks: list[int], threshold: float) -> None:
    vectors = stacked(picks)
    assert grouped(vectors, threshold) == plain(vectors, threshold)


@given(picks, thresholds, st.integers(1, 60))
def test_who_stands_for_a_group_depends_on_better_hits_alone(
    picks: list[int], threshold: float, count: int
) -> None:
    whole = [members[0] for members in grouped(stacked(picks), threshold)]
    part = [members[0] for members in grouped(stacked(picks)[:count], threshold)]
    assert part == [at for at in whole if at < count]


@given(picks, thresholds)
def test_every_hit_is_in_one_group(picks: list[int], threshold: float) -> None:
    places = [at for members in grouped(stacked(picks), threshold) for at in members]
    assert sorted(places) == list(range(len(picks)))


def test_more_hits_than_a_block_are_grouped_alike() -> None:
    picks = np.random.default_rng(3).integers(0, len(DIRECTIONS), 700).tolist()
    vectors = stacked(picks)
    for threshold in THRESHOLDS[::3]:
        assert grouped(vectors, threshold) == plain(vectors, threshold)


def test_what_is_like_a_folded_hit_only_stands_for_itself() -> None:
    angles = np.radians([0, 20, 40])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert grouped(vectors, float(np.cos(np.radians(25)))) == [[0, 1], [2]]


def test_nothing_is_grouped_as_nothing() -> None:
    assert grouped(np.zeros((0, 3), dtype=np.float32), 0.9) == []


NEAR, FAR = (1 << DISTANCE_MAX) - 1, (1 << (DISTANCE_MAX + 1)) - 1


def test_hashes_that_differ_in_few_bits_are_of_one_picture() -> None:
    vectors = stacked([0, 0, 0])
    hashes = [f"{bits:016x}" for bits in (0, NEAR, FAR << 20)]
    assert group(3, by_hash(vectors, hashes)) == [[0, 1], [2]]
    assert distance(hashes[0], hashes[1]) == DISTANCE_MAX
    assert distance(hashes[0], hashes[2]) == DISTANCE_MAX + 1


def test_equal_hashes_of_pictures_that_show_different_things_are_apart() -> None:
    vectors = np.eye(2, dtype=np.float32)
    assert group(2, by_hash(vectors, ["0f" * 8] * 2)) == [[0], [1]]


def test_without_a_hash_the_vectors_must_be_almost_equal() -> None:
    angles = np.radians([0, 2, 5])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    for hashes in ([None] * 3, ["", "", ""], [None, "", "ff" * 8]):
        assert group(3, by_hash(vectors, hashes)) == [[0, 1], [2]]
    assert distance(None, "ff" * 8) is distance("", "ff" * 8) is None
