"""How far two sets of pieces lie apart, and how far real pieces lie from real pieces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")
NEIGHBOURS = 5
DRAWS = 8
SMALLEST = 4


@dataclass(frozen=True, kw_only=True)
class Apart:
    """A distance to real pieces, the same between disjoint halves of them, and pieces a side."""

    value: float
    real: float
    pieces: int


def apart(
    generated: Sequence[T],
    real: Sequence[T],
    distance: Callable[[Sequence[T], Sequence[T]], float],
    seed: int,
) -> Apart | None:
    """The mean of `distance(candidates, real)` over `DRAWS` random draws of equal size.

    Every draw deals the real pieces into two disjoint halves and takes as many generated pieces:
    most distances fall as sets grow, so both figures come from sets of one size. None when a side
    would hold fewer than `SMALLEST` pieces.
    """
    size = min(len(generated), len(real) // 2)
    if size < SMALLEST:
        return None
    rng = np.random.default_rng(seed)
    to_real, among_real = [], []
    for _ in range(DRAWS):
        order = rng.permutation(len(real))
        half = [real[index] for index in order[:size]]
        other = [real[index] for index in order[size : 2 * size]]
        chosen = [generated[index] for index in rng.permutation(len(generated))[:size]]
        to_real.append(distance(chosen, half))
        among_real.append(distance(other, half))
    return Apart(value=float(np.mean(to_real)), real=float(np.mean(among_real)), pieces=size)


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Between Gaussians fitted to `(n, d)` and `(m, d)`; Heusel et al. 2017, 1706.08500, eq. 6.

    The trace of the root of the product of the covariances is the nuclear norm of the product of
    the centred sets, which holds for singular covariances too.
    """
    first, second = _root(one), _root(other)
    overlap = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    means = np.square(one.mean(0, dtype=np.float64) - other.mean(0, dtype=np.float64)).sum()
    return max(float(means + np.square(first).sum() + np.square(second).sum() - 2 * overlap), 0.0)


def kernel_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Unbiased squared MMD of `(n, d)` and `(m, d)`; Gretton et al. 2012, eq. 3.

    Gaussian kernel as wide as the median distance within `other`, as in Kernel Audio Distance
    (2502.15602). Unbiased, so it can fall a little below 0 and does not depend on the set's size.
    """
    within, between = _squares(other, other), _squares(one, other)
    width = float(np.median(within[~np.eye(len(other), dtype=bool)]))
    kernels = [np.exp(-d / (2 * max(width, 1e-12))) for d in (_squares(one, one), within, between)]
    n, m = len(one), len(other)
    own = (kernels[0].sum() - n) / (n * (n - 1)) + (kernels[1].sum() - m) / (m * (m - 1))
    return float(own - 2 * kernels[2].mean())


def density_coverage(
    generated: np.ndarray, real: np.ndarray, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Naeem et al. 2020, 2002.09797, eqs. 5 and 6.

    Density: in how many real points' neighbourhoods a generated point lies, over `neighbours`; 1
    where both sets are alike. Coverage: share of real points that have a generated one in theirs.
    """
    radius = np.sort(_squares(real, real), axis=1)[:, min(neighbours, len(real) - 1)]
    inside = _squares(generated, real) < radius
    return float(inside.sum() / (neighbours * len(generated))), float(inside.any(0).mean())


def kl_nats(one: np.ndarray, other: np.ndarray) -> float:
    """KL(one || other) of two histograms of counts or shares, each smoothed by one pseudo-count.

    The pseudo-count is spread over all bins, so that an empty bin costs much, but not infinity.
    """
    first, second = (_smoothed(np.asarray(part, dtype=np.float64)) for part in (one, other))
    return float(np.sum(first * np.log(first / second)))


def overlap_share(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Overlapping area of the two kernel density estimates, 0..1 (Yang & Lerch 2018).

    Yang & Lerch, On the evaluation of generative models in music, Neural Computing and
    Applications. None for fewer than `SMALLEST` values or for values that are all the same.
    """
    from scipy.stats import gaussian_kde

    first, second = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    if min(len(first), len(second)) < SMALLEST or min(np.ptp(first), np.ptp(second)) < 1e-9:
        return None
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    margin = 0.5 * (high - low)
    grid = np.linspace(low - margin, high + margin, 512)
    lower = np.minimum(gaussian_kde(first)(grid), gaussian_kde(second)(grid))
    return min(float(np.trapezoid(lower, grid)), 1.0)


def diversity(vectors: np.ndarray) -> float:
    """Mean cosine distance over all pairs of unit vectors `(n, d)`; n is at least 2."""
    count = len(vectors)
    likeness = vectors @ vectors.T
    return float(1 - (likeness.sum() - np.trace(likeness)) / (count * (count - 1)))


def _root(points: np.ndarray) -> np.ndarray:
    """A matrix of `d` columns whose product with itself is the covariance of points `(n, d)`.

    The centred points themselves, or, of more than d, the d rows that are left of them when they
    are turned (QR), which changes no such product.
    """
    centred = points.astype(np.float64)
    centred = (centred - centred.mean(0)) / np.sqrt(max(len(points) - 1, 1))
    if len(points) <= points.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))


def _squares(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared distances `(n, m)`."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    products = np.square(one).sum(1)[:, None] + np.square(other).sum(1) - 2 * one @ other.T
    return np.maximum(products, 0)


def _smoothed(histogram: np.ndarray) -> np.ndarray:
    counts = histogram + 1 / len(histogram)
    return counts / counts.sum()
