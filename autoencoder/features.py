"""Log-magnitude bands of a signal at two resolutions, gathered per latent frame."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from longform.errors import UserError
from longform.mel import mel_edges_hz, unit_bands

FLOOR = 1e-5  # of a full-scale sine's magnitude: what is quieter counts as silence


@dataclass(frozen=True, kw_only=True)
class BandSpec:
    """One filter bank: STFT window and hop in samples, band edges in hertz, number of bands."""

    window: int
    hop: int
    low_hz: float
    high_hz: float
    bands: int


class LogBands(nn.Module):
    """Audio (b, c, t) -> features (b, f, n): pitch bands on an octave scale, rhythm bands on mel.

    Frames are centred on equal parts of each latent frame, zeros stand beyond the ends.
    """

    pitch_bank: Tensor
    rhythm_bank: Tensor

    def __init__(
        self, pitch: BandSpec, rhythm: BandSpec, sample_rate: int, hop_samples: int
    ) -> None:
        super().__init__()
        self.pitch, self.rhythm, self.hop_samples = pitch, rhythm, hop_samples
        self.register_buffer(
            "pitch_bank", band_matrix(pitch, sample_rate, "octave"), persistent=False
        )
        self.register_buffer(
            "rhythm_bank", band_matrix(rhythm, sample_rate, "mel"), persistent=False
        )

    def width(self, channels: int) -> int:
        """Features per latent frame."""
        per_channel = sum(
            spec.bands * self.hop_samples // spec.hop for spec in (self.pitch, self.rhythm)
        )
        return channels * per_channel

    @property
    def margin_frames(self) -> int:
        """Latents on either side that a frame's analysis windows reach into."""
        return math.ceil(max(self.pitch.window, self.rhythm.window) / 2 / self.hop_samples)

    def forward(self, audio: Tensor) -> Tensor:
        parts = []
        for spec, bank in ((self.pitch, self.pitch_bank), (self.rhythm, self.rhythm_bank)):
            bands = torch.log(magnitudes(audio, spec.window, spec.hop) @ bank + FLOOR)
            per_latent = self.hop_samples // spec.hop
            parts.append(rearrange(bands, "b c (f r) n -> b f (c r n)", r=per_latent))
        return torch.cat(parts, dim=-1)


def magnitudes(audio: Tensor, window: int, hop: int) -> Tensor:
    """Hann STFT magnitudes (b, c, t/hop, bins), 1 for a full-scale sine; t a multiple of hop."""
    side = (window - hop) // 2
    hann = torch.hann_window(window, device=audio.device)
    frames = functional.pad(audio.float(), (side, side)).unfold(-1, window, hop)
    spectrum = torch.view_as_real(torch.fft.rfft(frames * (hann * (2 / hann.sum()))))
    return spectrum.square().sum(-1).sqrt()


def band_matrix(spec: BandSpec, sample_rate: int, scale: Literal["octave", "mel"]) -> Tensor:
    """Triangular bands (bins, bands), each summing to 1 and at least one bin wide."""
    if spec.high_hz > sample_rate / 2:
        raise UserError(
            f"sample_rate {sample_rate} is too low for bands up to {spec.high_hz:g} Hz; "
            f"use at least {2 * spec.high_hz:g}"
        )
    if scale == "mel":
        edges = mel_edges_hz(spec.bands, spec.low_hz, spec.high_hz)
    else:
        edges = np.exp2(np.linspace(np.log2(spec.low_hz), np.log2(spec.high_hz), spec.bands + 2))
    return unit_bands(edges, sample_rate=sample_rate, fft_samples=spec.window)
