"""Linear codecs fitted in seconds: principal components of audio features, and a way to hear them.

`bands` are the log-magnitudes that the spectral autoencoder reads, without phase; `mdct` are blocks
of a lapped transform, which keep it. Both turn `hop` samples of stereo into one latent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from longform.audio import Waveform
from longform.autoencoder.features import LogBands
from longform.autoencoder.head import HEAD_HOP, HEAD_WINDOW
from longform.autoencoder.spectral import PITCH_BANDS, RHYTHM_BANDS

RATE_HZ = 44_100
HOP_SAMPLES = 4096
"""Of a latent, where a candidate does not say otherwise."""
MAX_CHANNELS = 128
FIT_FRAMES = 24_576
"""Principal components and least squares see at most so many latent frames, evenly taken."""
GRIFFIN_LIM_ROUNDS = 32
HEARD_BINS = HEAD_WINDOW // 4 + 1
"""Bins up to a quarter of the sample rate, which is all that the estimators hear."""
_MOMENTUM = 0.99
_SPARE = 64
_CHUNK_FRAMES = 512


class Front(Protocol):
    """A fixed transform of audio, and what makes audio of its approximation."""

    hop_samples: int

    def features(self, audio: Tensor) -> Tensor:
        """Audio (2, t), t a multiple of the hop -> (f, n)."""
        ...

    def targets(self, audio: Tensor) -> Tensor | None:
        """What latents are mapped to for listening, (f, m); None: the features themselves."""
        ...

    def hear(self, rows: Tensor, seed: int) -> Waveform:
        """Audio of targets or features (f, m)."""
        ...


class Bands:
    """`LogBands`, heard by way of log-magnitudes of an STFT and Griffin-Lim phases.

    The estimators listen to mono at half the rate, so only the lower half of the mono mix's
    spectrum is made.
    """

    def __init__(self, hop_samples: int) -> None:
        self.hop_samples = hop_samples
        self.bands = LogBands(PITCH_BANDS, RHYTHM_BANDS, RATE_HZ, hop_samples)

    def features(self, audio: Tensor) -> Tensor:
        margin = self.bands.margin_frames * self.hop_samples
        padded = functional.pad(audio, (margin, margin))
        step, parts = _CHUNK_FRAMES * self.hop_samples, []
        for first in range(0, audio.shape[1], step):
            last = min(first + step, audio.shape[1])
            rows = self.bands(padded[None, :, first : last + 2 * margin])[0]
            parts.append(rows[self.bands.margin_frames : len(rows) - self.bands.margin_frames])
        return torch.cat(parts)

    def targets(self, audio: Tensor) -> Tensor:
        side = (HEAD_WINDOW - HEAD_HOP) // 2
        frames = functional.pad(audio.mean(0), (side, side)).unfold(-1, HEAD_WINDOW, HEAD_HOP)
        spectrum = torch.fft.rfft(frames * torch.hann_window(HEAD_WINDOW))[:, :HEARD_BINS]
        return rearrange(
            torch.log(spectrum.abs() + 1e-4),
            "(f r) n -> f (r n)",
            r=self.hop_samples // HEAD_HOP,
        )

    def hear(self, rows: Tensor, seed: int) -> Waveform:
        logs = rearrange(rows, "f (r n) -> n (f r)", n=HEARD_BINS)
        magnitudes = torch.exp(logs.clamp(max=8.0)) - 1e-4
        return Waveform(griffin_lim(magnitudes.clamp(min=0), seed)[None].numpy(), RATE_HZ // 2)


class Mdct:
    """Blocks of MDCT frames (Princen, Johnson & Bradley 1987) of both channels; sine window."""

    def __init__(self, hop_samples: int) -> None:
        self.hop_samples = hop_samples
        size = HEAD_HOP
        n, k = torch.arange(2 * size).double(), torch.arange(size).double()
        window = torch.sin(math.pi / (2 * size) * (n + 0.5))[:, None]
        cosines = torch.cos(math.pi / size * torch.outer(n + 0.5 + size / 2, k + 0.5))
        self.basis = (math.sqrt(2 / size) * window * cosines).float()

    def features(self, audio: Tensor) -> Tensor:
        side = HEAD_HOP // 2
        frames = functional.pad(audio, (side, side)).unfold(-1, 2 * HEAD_HOP, HEAD_HOP)
        return rearrange(
            frames @ self.basis, "c (f r) k -> f (r c k)", r=self.hop_samples // HEAD_HOP
        )

    def targets(self, audio: Tensor) -> None:
        return None

    def hear(self, rows: Tensor, seed: int) -> Waveform:
        blocks = rearrange(rows, "f (r c k) -> c (f r) k", c=2, k=HEAD_HOP) @ self.basis.T
        early, late = blocks.split(HEAD_HOP, dim=-1)
        total = functional.pad(early, (0, 0, 0, 1)) + functional.pad(late, (0, 0, 1, 0))
        side = HEAD_HOP // 2
        return Waveform(total.flatten(1)[:, side:-side].numpy(), RATE_HZ)


FRONTS = {"bands": Bands, "mdct": Mdct}


@dataclass(frozen=True, kw_only=True)
class LinearCodec:
    """Principal components in, a linear map out; components are in falling order of variance."""

    front: Front
    mean: Tensor
    basis: Tensor
    """(n, d)"""
    heard: Tensor
    """(d, m): from latents to what the front makes audio of; `heard_mean` (m,) is added."""
    heard_mean: Tensor

    @property
    def channels(self) -> int:
        return self.basis.shape[1]

    @property
    def hop_samples(self) -> int:
        return self.front.hop_samples

    @property
    def rate_hz(self) -> float:
        """Latents per second."""
        return RATE_HZ / self.hop_samples

    def truncated(self, channels: int) -> "LinearCodec":
        """The codec of the first `channels` components: equal to fitting it anew."""
        assert channels <= self.channels
        return replace(self, basis=self.basis[:, :channels], heard=self.heard[:channels])

    def encode(self, audio: Tensor) -> Tensor:
        """Audio (2, t) -> latents (d, f); samples after the last whole hop are dropped."""
        return self.project(self.front.features(_whole(audio, self.hop_samples)))

    def project(self, features: Tensor) -> Tensor:
        """Features (f, n) -> latents (d, f)."""
        return ((features.float() - self.mean) @ self.basis).T.contiguous()

    def decode(self, latents: Tensor, seed: int) -> Waveform:
        """Latents (d, f) -> audio; the seed is that of made-up phases."""
        return self.front.hear(latents.T @ self.heard + self.heard_mean, seed)

    def variance_kept(self, audio: Sequence[Tensor]) -> float:
        """The share of the features' variance, around the fitted mean, that the latents keep."""
        kept = total = 0.0
        for one in audio:
            centred = self.front.features(_whole(one, self.hop_samples)) - self.mean
            kept += float((centred @ self.basis).square().sum())
            total += float(centred.square().sum())
        return kept / total


@torch.no_grad()
def fit(
    kind: str, hop_samples: int, audio: Sequence[np.ndarray], channels: int
) -> tuple[LinearCodec, list[Tensor]]:
    """Fit a codec of `channels` to 16-bit audio (2, t) and return the latents (d, f) as well."""
    front: Front = FRONTS[kind](hop_samples)
    total = sum(one.shape[1] // hop_samples for one in audio)
    stride = max(1, math.ceil(total / FIT_FRAMES))
    features, chosen = [], []
    for one in audio:
        whole = _whole(from_int16(one), hop_samples)
        features.append(front.features(whole).half())
        targets = front.targets(whole)
        if targets is not None:
            chosen.append(targets[::stride].half())
    rows = torch.cat([one[::stride] for one in features]).float()
    mean = rows.mean(0)
    rows -= mean
    torch.manual_seed(0)
    basis = torch.svd_lowrank(rows, q=min(channels + _SPARE, *rows.shape), niter=4)[2]
    basis = basis[:, :channels].contiguous()
    if chosen:
        heard, heard_mean = _least_squares(rows @ basis, torch.cat(chosen).float())
    else:
        heard, heard_mean = basis.T.contiguous(), mean
    codec = LinearCodec(front=front, mean=mean, basis=basis, heard=heard, heard_mean=heard_mean)
    return codec, [codec.project(one) for one in features]


def _least_squares(latents: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Map (d, m) and mean (m,). Principal components are uncorrelated: one division each."""
    mean = targets.mean(0)
    return (latents.T @ (targets - mean)) / latents.square().sum(0)[:, None].clamp(min=1e-9), mean


def griffin_lim(magnitudes: Tensor, seed: int) -> Tensor:
    """Magnitudes (bins, frames) of an STFT at half of its rate -> samples (t,), full scale kept.

    Frames are centred at (n + 1/2) hops. Griffin & Lim 1984 with the momentum of Perraudin,
    Balazs & Søndergaard 2013, from random phases.
    """
    window, hop = HEAD_WINDOW // 2, HEAD_HOP // 2
    hann = torch.hann_window(window)
    target = magnitudes / 2  # half as many samples per window
    length = hop * (target.shape[1] - 1)
    turns = torch.rand(target.shape, generator=torch.Generator().manual_seed(seed))
    phases = torch.polar(torch.ones_like(target), 2 * math.pi * turns)
    previous = torch.zeros_like(phases)
    for _ in range(GRIFFIN_LIM_ROUNDS):
        samples = torch.istft(target * phases, window, hop, window=hann, length=length)
        rebuilt = torch.stft(samples, window, hop, window=hann, return_complex=True)
        ahead = rebuilt - previous * (_MOMENTUM / (1 + _MOMENTUM))
        phases, previous = ahead / ahead.abs().clamp(min=1e-8), rebuilt
    samples = torch.istft(target * phases, window, hop, window=hann, length=length)
    return functional.pad(samples, (hop // 2, hop // 2))


def from_int16(audio: np.ndarray) -> Tensor:
    """16-bit samples -> float32, full scale 1."""
    return torch.from_numpy(audio).float() / 32_768


def _whole(audio: Tensor, hop_samples: int) -> Tensor:
    return audio[:, : audio.shape[1] // hop_samples * hop_samples]
