"""Numbers become vectors: Fourier features of time steps, seconds, tempo and position."""

import math

import torch
from torch import Tensor, nn

from longform.dit.config import POSITION_CHANNELS, FeatureKind

FRACTION_OCTAVES = 4
SECONDS_PERIODS = (512.0, 128.0, 32.0, 8.0)
REMAINING_SECONDS = (2.0, 16.0, 64.0)


LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 0.5, 10_000.0  # of ExpoFeatures, in cycles per unit
LOG_SNR_RANGE = (-12.0, 5.0)


class TimestepFeatures(nn.Module):
    """Random Fourier features of x in [0, 1]: [cos, sin](2 pi x w), w fixed at its random start.

    `weight` is (frequencies, 1) and is kept in checkpoints, as in the reference.
    """

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(frequencies, 1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(b,) -> (b, 2 * frequencies), computed in float32."""
        angles = 2 * math.pi * x.float()[:, None] * self.weight.float()[:, 0]
        return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ExpoFeatures(nn.Module):
    """Fixed Fourier features of x in [0, 1]: [cos, sin](2 pi x w), w evenly spaced in log."""

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.frequencies = frequencies

    def cycles(self, device: torch.device | None = None) -> Tensor:
        """w, cycles per unit, (frequencies,)."""
        ramp = torch.linspace(0, 1, self.frequencies, device=device)
        low, high = math.log(LOWEST_FREQUENCY), math.log(HIGHEST_FREQUENCY)
        return torch.exp(ramp * (high - low) + low)

    def forward(self, x: Tensor) -> Tensor:
        """(b,) -> (b, 2 * frequencies), computed in float32."""
        angles = x.float()[:, None] * self.cycles(x.device) * 2 * math.pi
        return torch.cat([angles.cos(), angles.sin()], dim=-1)


class LogSnr(nn.Module):
    """t of a flow -> its log signal-to-noise ratio log((1 - t) / t), scaled to [0, 1], 1 for noise.

    Always float32: near t = 1 it magnifies an error of t several hundred times.
    """

    def forward(self, time: Tensor) -> Tensor:
        """(b,) -> (b,)."""
        low, high = LOG_SNR_RANGE
        time = time.float().clamp(1e-7, 1 - 1e-7)
        return (high - ((1 - time) / time).log().clamp(low, high)) / (high - low)


def make_timestep_features(kind: FeatureKind, frequencies: int) -> nn.Module:
    """(b,) times -> (b, 2 * frequencies) features."""
    return TimestepFeatures(frequencies) if kind == "learned" else ExpoFeatures(frequencies)


class NumberEmbedding(nn.Module):
    """One number in [low, high] as a vector, through Fourier features.

    x = (clamp(n) - low) / (high - low), then Linear of [x, sin(2 pi x w), cos(2 pi x w)] with
    learned w, or of the features of `ExpoFeatures`.
    """

    def __init__(
        self,
        low: float,
        high: float,
        frequencies: int,
        width: int,
        features: FeatureKind = "learned",
    ) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.expo = None if features == "learned" else ExpoFeatures(frequencies)
        if self.expo is None:
            self.frequencies = nn.Parameter(torch.randn(frequencies))
        self.linear = nn.Linear(2 * frequencies + (self.expo is None), width)

    def forward(self, number: Tensor) -> Tensor:
        """(b,) -> (b, width)."""
        x = (number.float().clamp(self.low, self.high) - self.low) / (self.high - self.low)
        return self.linear(self._features(x).to(self.linear.weight.dtype))

    def _features(self, x: Tensor) -> Tensor:
        if self.expo is not None:
            return self.expo(x)
        angles = 2 * math.pi * x[:, None] * self.frequencies.float()
        return torch.cat([x[:, None], angles.sin(), angles.cos()], dim=-1)


def position_features(start: Tensor, total: Tensor, frames: int, rate_hz: float) -> Tensor:
    """Where each latent frame lies in its piece, (b, frames, POSITION_CHANNELS), float32.

    With s the frame's second in the piece and T the piece's length: sines and cosines of s / T by
    octaves, sines and cosines of s over fixed periods, how near the end is, and whether it is past.

    Args:
        start: second at which the window starts, (b,)
        total: length of the piece in seconds, (b,)
    """
    offsets = (torch.arange(frames, device=start.device) + 0.5) / rate_hz
    seconds = start.float()[:, None] + offsets  # (b, f)
    total = total.float()[:, None].clamp(min=1.0)
    fraction = (seconds / total).clamp(0.0, 1.25)
    octaves = math.pi * 2.0 ** torch.arange(FRACTION_OCTAVES, device=start.device)
    periods = torch.tensor(SECONDS_PERIODS, device=start.device)
    angles = torch.cat(
        [fraction[..., None] * octaves, 2 * math.pi * seconds[..., None] / periods], dim=-1
    )
    remaining = (total - seconds)[..., None]
    near = torch.tanh(remaining / torch.tensor(REMAINING_SECONDS, device=start.device))
    features = torch.cat([angles.sin(), angles.cos(), near, (remaining < 0).float()], dim=-1)
    assert features.shape[-1] == POSITION_CHANNELS
    return features
