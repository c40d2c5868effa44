"""Time schedules of flows: which times between noise and clean a solver visits.

All warps keep 0 and 1 and the order. Longer pieces need more of the steps at high noise, where
their structure is decided (arXiv 2403.03206, section 5.3.2), so a warp may depend on the length.
All is computed in float32, as in the reference: features of t with 10,000 cycles hear its last bit.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

FIRST_LOG_SNR, LAST_LOG_SNR = -6.0, 2.0


@dataclass(frozen=True, kw_only=True)
class NoShift:
    """Times evenly spaced."""

    kind: Literal["none"] = "none"

    def warp(self, times: Tensor, frames: int) -> Tensor:
        return times


@dataclass(frozen=True, kw_only=True)
class LogSnrShift:
    """Times evenly spaced in log((1 - t) / t), of Stable Audio 3.

    Noise ends at `anchor_log_snr` for pieces of `anchor_frames`, and `per_doubling` lower for each
    doubling of the length; the clean end is `end_log_snr`.
    """

    kind: Literal["log_snr"] = "log_snr"
    anchor_frames: int = 2000
    anchor_log_snr: float = -6.2
    per_doubling: float = 1.0
    end_log_snr: float = 2.0

    def warp(self, times: Tensor, frames: int) -> Tensor:
        start = self.anchor_log_snr - self.per_doubling * math.log2(frames / self.anchor_frames)
        log_snr = self.end_log_snr - times * (self.end_log_snr - start)
        inside = (times > 0) & (times < 1)
        return torch.where(inside, torch.sigmoid(-log_snr), times)


@dataclass(frozen=True, kw_only=True)
class FluxShift:
    """t -> a t / (1 + (a - 1) t) (arXiv 2403.03206, eq. 23), a interpolated in log length."""

    kind: Literal["flux"] = "flux"
    min_frames: int = 256
    max_frames: int = 4096
    min_alpha: float = 1.0
    max_alpha: float = 1.0

    def warp(self, times: Tensor, frames: int) -> Tensor:
        low, high = math.log(self.min_frames), math.log(self.max_frames)
        share = 0.0
        if high > low:
            share = (min(max(math.log(frames), low), high) - low) / (high - low)
        alpha = self.min_alpha ** (1 - share) * self.max_alpha**share
        return alpha * times / (1 + (alpha - 1) * times)


@dataclass(frozen=True, kw_only=True)
class ExponentialShift:
    """t -> t / (t + e^-m (1 - t)), m interpolated in the length; `sine` bends it once more."""

    kind: Literal["exponential"] = "exponential"
    min_frames: int = 256
    max_frames: int = 4096
    min_shift: float = 0.5
    max_shift: float = 1.15
    sine: bool = False

    def warp(self, times: Tensor, frames: int) -> Tensor:
        within = min(max(frames, self.min_frames), self.max_frames) - self.min_frames
        share = within / (self.max_frames - self.min_frames)
        shift = self.min_shift + (self.max_shift - self.min_shift) * share
        warped = times / (times + math.exp(-shift) * (1 - times))
        return torch.sin(warped * math.pi / 2) if self.sine else warped


TimeShift = NoShift | LogSnrShift | FluxShift | ExponentialShift


def flow_times(steps: int, start: float, frames: int, shift: TimeShift | None) -> Tensor:
    """Times falling from `start` to 0, (steps + 1).

    A `shift` warps even spacing, as Stable Audio 3 does; below 1 the spacing begins at the time
    that becomes `start`. (The reference begins it at `start` and puts `start` before it, so that
    its second time is noisier than the first.) Without one the times are evenly spaced in
    log((1 - t) / t) between the start's own and 2, as for Stable Audio Open Small.
    """
    if shift is None:
        first = FIRST_LOG_SNR if start == 1 else math.log((1 - start) / start + 1e-6)
        times = torch.sigmoid(-torch.linspace(first, LAST_LOG_SNR, steps + 1))
    else:
        first = 1.0 if start == 1 else _unwarped(shift, start, frames)
        times = shift.warp(torch.linspace(first, 0, steps + 1), frames)
    times[0], times[-1] = start, 0
    return times


def _unwarped(shift: TimeShift, time: float, frames: int) -> float:
    """The time that `shift` moves to `time`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if float(shift.warp(torch.tensor(middle), frames)) < time:
            low = middle
        else:
            high = middle
    return high
