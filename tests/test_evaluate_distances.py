"""Distances between sets of pieces: against closed forms, and zero between like and like."""

import numpy as np
import pytest
from scipy import linalg

from longform.train.evaluate.distances import (
    apart,
    density_coverage,
    diversity,
    frechet_distance,
    kernel_distance,
    kl_nats,
    overlap_share,
)


def normal(count: int, mean: float = 0.0, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, scale, (count, 6))


def test_frechet_distance_is_that_of_the_two_gaussians() -> None:
    one, other = normal(80), normal(120, 0.5, 2.0, seed=1)
    first, second = np.cov(one.T), np.cov(other.T)
    root = linalg.sqrtm(first @ second).real
    means = np.square(one.mean(0) - other.mean(0)).sum()
    expected = means + np.trace(first + second - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(normal(5), other) == pytest.approx(
        frechet_distance(other, normal(5)), rel=1e-9
    ), "with fewer points than dimensions on one side alone"
    many = np.tile(normal(5), (9, 1))  # more points than dimensions, that lie in four of them
    assert frechet_distance(many, many[:5]) == pytest.approx(
        np.trace(np.cov(many[:5].T)) * (1 - np.sqrt(36 / 44)) ** 2, rel=1e-9
    )
    few = normal(4), normal(4, 1.0, seed=2)  # fewer points than dimensions: singular covariances
    assert np.isfinite(frechet_distance(*few)) and frechet_distance(*few) > 0


def test_kernel_distance_is_unbiased_and_sees_a_shift() -> None:
    same = [kernel_distance(normal(30, seed=s), normal(30, seed=s + 100)) for s in range(40)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(40)
    assert min(same) < 0 < max(same)
    assert kernel_distance(normal(30, 1.0), normal(30, seed=1)) > 5 * max(same)


def test_density_and_coverage_tell_quality_from_variety() -> None:
    real = normal(60)
    assert density_coverage(real + 1e-6, real) == pytest.approx((1.0, 1.0), abs=0.25)
    density, coverage = density_coverage(np.repeat(real[:1], 60, 0), real)
    assert density > 0.5 and coverage < 0.35, "one good clip sixty times over is no variety"
    assert density_coverage(normal(60, 9.0), real) == (0.0, 0.0)


def test_kl_of_histograms() -> None:
    assert kl_nats(np.array([3, 1]), np.array([3, 1])) == pytest.approx(0)
    many = np.array([8000, 2000]), np.array([5000, 5000])
    assert kl_nats(*many) == pytest.approx(0.8 * np.log(1.6) + 0.2 * np.log(0.4), abs=1e-3)
    assert 2 < kl_nats(np.array([10, 0]), np.array([0, 10])) < np.inf


def test_overlap_of_two_normals_is_the_textbook_value() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 1, 4000), rng.normal(2, 1, 4000)
    assert overlap_share(one, other) == pytest.approx(0.317, abs=0.03)  # 2 * Phi(-1)
    assert overlap_share(one, one) == pytest.approx(1, abs=1e-3)
    assert overlap_share([1, 1, 1, 1], [1, 2, 3, 4]) is None


def test_diversity_is_the_mean_cosine_distance() -> None:
    assert diversity(np.eye(3)) == pytest.approx(1)
    assert diversity(np.array([[1.0, 0], [1.0, 0]])) == pytest.approx(0)


def test_both_columns_come_from_sets_of_one_size() -> None:
    sizes = set()

    def distance(one, other) -> float:
        sizes.add((len(one), len(other)))
        assert not set(map(float, one)) & set(map(float, other)), "the halves are disjoint"
        return float(abs(np.mean(one) - np.mean(other)))

    found = apart(list(np.arange(100.0) + 1000), list(np.arange(21.0)), distance, seed=0)
    assert found is not None and sizes == {(10, 10)} and found.pieces == 10
    assert found.value > 900 and found.real < 10
    again = apart(list(np.arange(100.0) + 1000), list(np.arange(21.0)), distance, seed=0)
    assert again == found
    assert apart([1.0] * 3, [2.0] * 9, distance, seed=0) is None
