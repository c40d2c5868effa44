"""A loss against compute as a power law above a floor, and what more compute would buy.

L(C) = a + b C^-c (Hestness et al. 2017, 1712.00409; Henighan et al. 2020, 2010.14701, where a is
called the irreducible loss). Robust: medians of points in equal stretches of log C, Huber's loss,
and the spread of refits to resampled points beside every prediction.
"""

from dataclasses import dataclass

import numpy as np

from longform.errors import UserError

FEWEST_POINTS = 8
MOST_POINTS = 60
EXPONENTS = np.geomspace(0.02, 4.0, 120)
ROUNDS = 25
RESAMPLES = 200
HUBER = 1.345
"""Residuals beyond so many deviations count linearly (Huber 1964)."""
SPREAD_PERCENT = (10, 90)


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """`floor` + `scale` * (C / `unit`)^-`exponent`; `unit` is the largest compute of the fit.

    `refits` (n, 3) are floor, scale and exponent for resampled points; `scatter` is the median
    absolute residual.
    """

    floor: float
    scale: float
    exponent: float
    unit: float
    points: int
    scatter: float
    refits: np.ndarray

    def at(self, compute: float | np.ndarray) -> np.ndarray:
        """The loss at this compute."""
        x = np.asarray(compute, dtype=float) / self.unit
        return self.floor + self.scale * x**-self.exponent

    def spread(self, compute: float) -> tuple[float, float]:
        """The 10th and 90th percentile of the refits' losses at this compute."""
        found = self.refits[:, 0] + self.refits[:, 1] * (compute / self.unit) ** -self.refits[:, 2]
        low, high = np.percentile(found, SPREAD_PERCENT)
        return float(low), float(high)


def fit_power_law(compute: np.ndarray, loss: np.ndarray, seed: int = 0) -> PowerLaw:
    """The law through points `(n,)` of positive compute and loss; deterministic.

    Raises:
        UserError: too few points, a loss that is not above 0, or one that does not fall.
    """
    keep = compute > 0
    compute, loss = compute[keep], loss[keep]
    if len(loss) < FEWEST_POINTS:
        raise UserError(
            f"{len(loss)} points of the loss are too few for an extrapolation, which needs "
            f"{FEWEST_POINTS}; train on, log more often, or draw without it (--no-fit)"
        )
    if not np.all(loss > 0):
        raise UserError(
            f"the loss reaches {loss.min():g}, but a power law above a floor needs losses above 0; "
            "draw without it (--no-fit)"
        )
    unit = float(compute.max())
    x, y = _binned(compute / unit, loss)
    floor, scale, exponent = _solve(x, y)
    if scale * (x.min() ** -exponent - 1) < 1e-3 * floor:
        raise UserError(
            "the loss does not fall over these points, so more compute promises nothing; draw "
            "without the extrapolation (--no-fit)"
        )
    rng = np.random.default_rng(seed)
    refits = []
    while len(refits) < RESAMPLES:
        chosen = rng.integers(len(x), size=len(x))
        if len(np.unique(chosen)) >= min(4, len(x)):
            refits.append(_solve(x[chosen], y[chosen]))
    residuals = np.abs(y - floor - scale * x**-exponent)
    return PowerLaw(
        floor=floor,
        scale=scale,
        exponent=exponent,
        unit=unit,
        points=len(loss),
        scatter=float(np.median(residuals)),
        refits=np.array(refits),
    )


def _binned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Medians of up to `MOST_POINTS` equal stretches of log x, so that none outvotes the others."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    if len(x) <= FEWEST_POINTS:
        return x, y
    edges = np.geomspace(x[0], x[-1], min(MOST_POINTS, len(x)) + 1)
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    used = np.unique(place)
    middle = [float(np.exp(np.log(x[place == one]).mean())) for one in used]
    return np.array(middle), np.array([float(np.median(y[place == one])) for one in used])


def _solve(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Floor, scale (neither below 0) and exponent of least Huber loss: a line for each exponent."""
    z = x[None] ** -EXPONENTS[:, None]  # (exponents, n)
    weights, limit = np.ones_like(z), 0.0
    floor, scale = _lines(z, y, weights)
    for _ in range(ROUNDS):
        size = np.abs(y - floor[:, None] - scale[:, None] * z)
        # One deviation for all exponents, that of the best: or the worse would forgive themselves.
        deviation = max(float(np.median(size, axis=1).min()) / 0.6745, 1e-9 * float(y.max()))
        limit = HUBER * deviation
        weights = np.minimum(1.0, limit / np.maximum(size, 1e-300))
        floor, scale = _lines(z, y, weights)
    size = np.abs(y - floor[:, None] - scale[:, None] * z)
    loss = np.where(size <= limit, 0.5 * size**2, limit * (size - 0.5 * limit)).sum(1)
    best = int(loss.argmin())
    return float(floor[best]), float(scale[best]), float(EXPONENTS[best])


def _lines(z: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares y = floor + scale z for each row of z, both at least 0."""
    total = weights.sum(1)
    mean_z, mean_y = (weights * z).sum(1) / total, (weights * y).sum(1) / total
    away = z - mean_z[:, None]
    variance = (weights * away**2).sum(1)
    scale = (weights * away * (y - mean_y[:, None])).sum(1) / np.maximum(variance, 1e-300)
    scale = np.maximum(scale, 0)
    floor = mean_y - scale * mean_z
    through = (weights * z * y).sum(1) / (weights * z**2).sum(1)
    return np.maximum(floor, 0), np.where(floor < 0, through, scale)
