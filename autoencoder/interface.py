"""What every autoencoder of the project offers: waveform <-> latents at a slow, even rate.

Lengths: `encode` pads the waveform with zeros to a whole number of hops, so t samples give
ceil(t / hop_samples) latent frames; `decode` gives back frames * hop_samples samples.
"""

from typing import Protocol, runtime_checkable

import torch.nn.functional as F
from torch import Tensor

from longform.autoencoder.bottleneck import Posterior


@runtime_checkable
class Autoencoder(Protocol):
    """The interface of an autoencoder; networks follow it by shape, not by inheritance.

    For training, a network is called as network(audio, noise) and returns the reconstruction from
    a sampled latent, and the posterior; `noise` is (b, d, f), or None for fresh noise.

    `encode_margin_frames` and `decode_margin_frames` bound the receptive field on either side, in
    latent frames: audio further than the margin from a latent frame does not change that frame
    when encoding, and latents further than the margin from a hop do not change its samples when
    decoding. Windowed coding (`longform.autoencoder.tiled`) is exact because of them, and because
    windows begin at multiples of `align_frames` latent frames.
    """

    sample_rate: int
    channels: int
    hop_samples: int
    latent_channels: int
    encode_margin_frames: int
    decode_margin_frames: int
    align_frames: int

    @property
    def latent_rate_hz(self) -> float:
        """Latent frames per second."""
        ...

    def encode(self, audio: Tensor) -> Posterior:
        """Audio (b, c, t), full scale 1, to a posterior over latents (b, d, f)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (b, d, f) to audio (b, c, f * hop_samples)."""
        ...


def frames_of(samples: int, hop_samples: int) -> int:
    """Latent frames that hold `samples` samples: rounded up."""
    return -(-samples // hop_samples)


def pad_to_hop(audio: Tensor, hop_samples: int) -> Tensor:
    """Append zeros to (b, c, t) until t is a whole number of hops."""
    missing = -audio.shape[-1] % hop_samples
    return F.pad(audio, (0, missing)) if missing else audio
