"""Sizes of the Oobleck and SAME autoencoders."""

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


@dataclass(frozen=True, kw_only=True)
class SameConfig:
    """The autoencoder of Stable Audio 3 small (SAME-S, arXiv 2605.18613) by default.

    Samples are taken in patches; stage i of the encoder has width channels * multipliers[i] and
    makes one frame of each strides[i] frames; the decoder mirrors it. A stage attends inside chunks
    of `chunk_frames` frames of its faster rate, in the second half of its blocks moved by half a
    chunk if `chunk_shift`; or, with a `window`, over that many frames of its slower rate to either
    side. Of the decoder's blocks, the last `decoder_sinusoidal` - 1 of a stage gate with a sine.
    `latent_noise` is the deviation of the posterior: what the published decoders add to latents.
    """

    sample_rate: int = 44_100
    audio_channels: int = 2
    patch_samples: int = 256
    channels: int = 128
    multipliers: tuple[int, ...] = (6,)
    strides: tuple[int, ...] = (16,)
    encoder_depths: tuple[int, ...] = (6,)
    decoder_depths: tuple[int, ...] = (6,)
    latent_channels: int = 256
    head_width: int = 64
    ff_multiplier: int = 3
    differential: bool = True
    window: tuple[int, int] | None = None
    chunk_frames: int = 32
    chunk_shift: bool = True
    encoder_kernel: int = 1
    decoder_kernel: int = 3
    decoder_sinusoidal: tuple[int, ...] = (0,)
    latent_noise: float = 1e-3

    def __post_init__(self) -> None:
        stages = {
            "multipliers": self.multipliers,
            "encoder_depths": self.encoder_depths,
            "decoder_depths": self.decoder_depths,
            "decoder_sinusoidal": self.decoder_sinusoidal,
        }
        for name, values in stages.items():
            if not self.strides or len(values) != len(self.strides):
                raise UserError(f"{name} {values} needs one value per stride of {self.strides}")
        sizes = (self.sample_rate, self.audio_channels, self.patch_samples, self.channels)
        sizes += (self.latent_channels, self.head_width, self.ff_multiplier, self.chunk_frames)
        depths = self.encoder_depths + self.decoder_depths
        if min(sizes + self.multipliers + self.strides + depths) < 1:
            raise UserError("every size of a SAME config must be at least 1")
        if not {self.encoder_kernel, self.decoder_kernel} <= {1, 3}:
            raise UserError("encoder_kernel and decoder_kernel must be 1 or 3")
        if self.latent_noise < 0:
            raise UserError(f"latent_noise must not be negative, got {self.latent_noise}")
        self._check_attention()

    def _check_attention(self) -> None:
        for multiplier in self.multipliers:
            width = self.channels * multiplier
            if width % min(self.head_width, width) or min(self.head_width, width) % 4:
                raise UserError(f"width {width} cannot be split into heads of {self.head_width}")
        if self.window is not None:
            if min(self.window) < 0:
                raise UserError(f"window must not be negative, got {self.window}")
            return
        for stride in self.strides:
            groups, rest = divmod(self.chunk_frames, stride)
            if rest or (self.chunk_shift and groups % 2):
                even = "an even multiple" if self.chunk_shift else "a multiple"
                raise UserError(f"chunk_frames {self.chunk_frames} must be {even} of {stride}")

    @property
    def hop_samples(self) -> int:
        """Samples per latent frame."""
        return self.patch_samples * math.prod(self.strides)


SAME_SMALL = SameConfig()
SAME_LARGE = SameConfig(
    channels=256,
    encoder_depths=(12,),
    decoder_depths=(12,),
    window=(1, 1),
    decoder_kernel=1,
    decoder_sinusoidal=(8,),
)
