"""Where audio was joined: the jump there against the jumps that the music has anyway."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Seam:
    """The largest step between neighbouring samples near a join, over the channels.

    `ordinary` is what such steps are like elsewhere in the piece: their 95th percentile. Below 1,
    `ratio` says that the join is no more abrupt than the music.
    """

    at_seconds: float
    jump: float
    ordinary: float

    @property
    def ratio(self) -> float:
        return self.jump / max(self.ordinary, 1e-9)


def jumps(samples: np.ndarray) -> np.ndarray:
    """Steps (t - 1,) between neighbouring samples of (c, t): the largest over the channels."""
    return np.abs(np.diff(samples, axis=1)).max(axis=0)


def measure_seam(samples: np.ndarray, at_sample: int, sample_rate: int) -> Seam:
    """The join between `at_sample - 1` and `at_sample`, in (c, t) samples."""
    steps = jumps(samples)
    return Seam(
        at_seconds=round(at_sample / sample_rate, 3),
        jump=float(steps[max(at_sample - 1, 0)]),
        ordinary=float(np.quantile(steps, 0.95)),
    )
