"""Sizes of the Oobleck autoencoder."""

import math
from dataclasses import dataclass

from longform.errors import UserError


@dataclass(frozen=True, kw_only=True)
class OobleckConfig:
    """The Stable Audio 2.0 autoencoder (arXiv 2404.10301, section 3.1) by default.

    Stage i of the encoder has width channels * multipliers[i] and then strides by strides[i]; the
    decoder mirrors it.
    """

    sample_rate: int = 44_100
    audio_channels: int = 2
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 16)
    strides: tuple[int, ...] = (2, 4, 4, 8, 8)
    latent_channels: int = 64

    def __post_init__(self) -> None:
        if not self.strides or len(self.multipliers) != len(self.strides):
            raise UserError(
                f"multipliers {self.multipliers} and strides {self.strides} need equal lengths, "
                "one of each per stage"
            )
        odd = [stride for stride in self.strides if stride % 2]
        if odd:
            raise UserError(f"strides must be even, got {odd[0]}")
        sizes = (self.sample_rate, self.audio_channels, self.channels, self.latent_channels)
        if min(sizes + self.multipliers + self.strides) < 1:
            raise UserError("every size of an Oobleck config must be at least 1")

    @property
    def hop_samples(self) -> int:
        """Samples per latent frame."""
        return math.prod(self.strides)
