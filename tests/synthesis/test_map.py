from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from termigen_gym.synthesis.map import positions

TOPICS = {
    "build": "makefile linker header archive compiler symbol target rule object library flags objcopy",
    "data": "csv invoice ledger currency column join total customer payment record schema import",
    "prove": "lemma invariant prover model liveness trace solver clause proof axiom theorem checker",
}
COMMON = "file output write program result directory line number run value name list"


def texts(topic: str, count: int, seed: int = 0) -> list[str]:
    """Return texts of which each has two thirds of its words from a topic, and they are shuffled."""
    rng = np.random.default_rng(seed)
    words, common = TOPICS[topic].split(), COMMON.split()
    return [
        " ".join(rng.permutation([*rng.choice(words, 24), *rng.choice(common, 12), f"own{topic}{number}"]))
        for number in range(count)
    ]


def purity(points: npt.NDArray[np.float32], labels: Sequence[int]) -> float:
    """Return the share of points whose nearest other point has the same label."""
    distances = np.square(points[:, None] - points[None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(np.mean(np.asarray(labels)[distances.argmin(axis=1)] == labels))


@pytest.mark.parametrize("count", [3, 25, 60])
def test_two_topics_are_two_clusters(count: int) -> None:
    points = positions([*texts("build", count), *texts("prove", count)])
    one, other = points[:count], points[count:]
    radius = max(np.linalg.norm(part - part.mean(axis=0), axis=1).mean() for part in (one, other))
    assert np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) > 2 * radius
    assert purity(points, [0] * count + [1] * count) == 1


def test_three_topics_of_different_size_in_mixed_order() -> None:
    all_texts = [*texts("build", 40), *texts("data", 15), *texts("prove", 25)]
    order = np.random.default_rng(1).permutation(len(all_texts))
    labels = np.repeat([0, 1, 2], [40, 15, 25])[order]
    assert purity(positions([all_texts[at] for at in order]), list(labels)) > 0.95


def test_the_same_texts_give_the_same_picture() -> None:
    some = [*texts("build", 20), *texts("data", 20)]
    assert np.array_equal(positions(some), positions(list(some)))


def test_points_fill_the_square_around_the_middle() -> None:
    points = positions([*texts("build", 20), *texts("data", 30)])
    assert points.shape == (50, 2)
    assert np.abs(points).max() == pytest.approx(1)
    assert np.allclose(points.mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize(
    "some",
    [
        [],
        ["one"],
        ["one", "two"],
        [""] * 12,
        ["the same text here"] * 12,
        ["", *texts("data", 9)],
        ["a b", "a c", "b c"],
    ],
)
def test_odd_sets_of_texts_give_finite_points(some: list[str]) -> None:
    points = positions(some)
    assert points.shape == (len(some), 2)
    assert np.isfinite(points).all()


def test_five_hundred_take_seconds() -> None:
    some = [text for topic in TOPICS for text in texts(topic, 167)]
    start = time.thread_time()
    points = positions(some)
    assert time.thread_time() - start < 5
    assert purity(points, list(np.repeat([0, 1, 2], 167))) > 0.95
