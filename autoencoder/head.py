"""The inverse-STFT head: magnitudes, phases, tones and noise become audio.

The head follows Vocos (Siuzdak 2023, arXiv 2306.00814). A stationary latent goes through
convolutions to a stationary answer, so a phase that the decoder makes itself can turn only at
multiples of the latent rate, out of tune. Low down, phases therefore come from a bank of tones that
keeps time (`longform.autoencoder.tones`), and everywhere from noise as far as the decoder says; it
shapes both by its magnitudes. Higher up the phases are its own, for the sake of sharp attacks, but
wander slowly: an attack stays one, and a steady sound does not ring at the latent rate.
"""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from longform.autoencoder.noise import white_noise
from longform.autoencoder.tones import PERIOD_FRAMES, ToneBank

HEAD_WINDOW, HEAD_HOP = 2048, 512
BINS = HEAD_WINDOW // 2 + 1
MOST_NOISE = 3.0  # log-deviation; beyond it nothing of another phase is left
TUNED_HZ = (900.0, 4000.0)
"""Below, the phase is that of the tones; above, the decoder's own; between, both."""
DRIFT_RADIANS, DRIFT_CYCLES, DRIFT_PER_BIN = 1.2, (17, 29, 41), (0.031, -0.047, 0.023)
"""How far, how often a period, and how differently from bin to bin the own phases wander."""
FAINT = 2.5e-3  # squared magnitude of tones, below which they say little of the phase
LOUDEST = 6.5  # log-magnitude of a bin; a full-scale sine has log(512) = 6.24
CHUNK_FRAMES = 128
"""Frames drawn at a time: what they take stays in a processor's cache, which halves the time."""

Pair = Tensor | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Drawn:
    """What a decoder asks of the head, r frames a latent and BINS bins (n) a frame.

    Log-magnitudes (b, c, f*r, n); phase vectors (2, b, c, f*r, n) of any length; log-amplitudes of
    the tones (b, c, f*r, tones); log-deviations of the noise on unit phase vectors (b, c, f*r, n).
    """

    log_magnitude: Tensor
    phase: Tensor
    tones: Tensor | None
    noise: Tensor | None

    def part(self, frames: slice) -> "Drawn":
        """Some of the frames."""
        return Drawn(
            log_magnitude=self.log_magnitude[:, :, frames],
            phase=self.phase[:, :, :, frames],
            tones=None if self.tones is None else self.tones[:, :, frames],
            noise=None if self.noise is None else self.noise[:, :, frames],
        )


class SpectralHead(nn.Module):
    """What a decoder draws -> audio; `even_noise` alone is kept with the weights."""

    window: Tensor
    rotation: Tensor
    own_share: Tensor
    drift: Tensor
    even_noise: Tensor

    def __init__(self, sample_rate: int, hop_samples: int, *, tones: int, noise: bool) -> None:
        super().__init__()
        window = torch.hann_window(HEAD_WINDOW)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("rotation", _rotation(), persistent=False)
        if tones:
            self.bank = ToneBank(tones, sample_rate, hop_samples, window)
            self.register_buffer("own_share", _own_share(sample_rate), persistent=False)
        if noise:
            self.register_buffer("drift", _drift(PERIOD_FRAMES * hop_samples), persistent=False)
            noise_frames = white_noise(PERIOD_FRAMES * hop_samples).view(PERIOD_FRAMES, -1)
            self.register_buffer("even_noise", noise_frames)

    def forward(self, drawn: Drawn) -> Tensor:
        """What a decoder drew of f latents -> audio (b, c, f * hop)."""
        firsts = range(0, drawn.log_magnitude.shape[2], CHUNK_FRAMES)
        parts = [self._sounded(drawn.part(slice(n, n + CHUNK_FRAMES)), n) for n in firsts]
        return self.join(torch.cat(parts, dim=2))

    def _sounded(self, drawn: Drawn, first: int) -> Tensor:
        """Windowed blocks of audio (b, c, f, w) of frames from number `first` on."""
        tones = None if drawn.tones is None else self.bank(drawn.tones, HEAD_HOP, first).float()
        phase = _unit(drawn.phase)
        if drawn.noise is not None:
            phase = self._drifted(phase, first)
        if tones is not None:
            low, high = phase.tensor_split([len(self.own_share)], dim=-1)
            tuned = (1 - self.own_share) * self._phase_of(tones, first)
            phase = torch.cat([self.own_share * low + tuned, high], dim=-1)
        if drawn.noise is not None:
            deviation = drawn.noise.clamp(max=MOST_NOISE).exp()
            phase = phase + deviation * self._noise_spectra(phase.shape[3], first)
        magnitude = torch.exp(drawn.log_magnitude.clamp(max=LOUDEST))
        blocks = self.blocks(_unit(phase) * magnitude, first)
        return blocks if tones is None else blocks + tones

    def _drifted(self, phase: Tensor, first: int) -> Tensor:
        """Phase vectors (2, b, c, f, n), turned by where the drift is."""
        turns = torch.arange(first, first + phase.shape[3], device=phase.device)
        return _turned(phase, self.drift[:, turns % self.drift.shape[1]])

    def _phase_of(self, tones: Tensor, first: int) -> Tensor:
        """Unit phase vectors (2, b, c, f, n) of windowed blocks (b, c, f, w); no gradient.

        Of the n lowest bins, those that hear the tones.
        """
        with torch.no_grad():
            spectra = torch.fft.rfft(tones)[..., : len(self.own_share)]
            return _unit(self._referred(spectra, first), FAINT)

    def _noise_spectra(self, frames: int, first: int) -> Tensor:
        """The even noise as spectra (2, 1, 1, f, n), root mean square 1."""
        noise = self.even_noise.float().view(1, -1)
        side = (HEAD_WINDOW - HEAD_HOP) // 2
        around = functional.pad(noise, (side, side), mode="circular")[0]
        blocks = around.unfold(0, HEAD_WINDOW, HEAD_HOP)
        numbers = torch.arange(first, first + frames, device=noise.device) % len(blocks)
        spectra = self._referred(torch.fft.rfft(blocks[numbers] * self.window), first)
        return (spectra / self.window.square().sum().sqrt())[:, None, None]

    def blocks(self, spectra: Tensor, first: int = 0) -> Tensor:
        """Spectra (2, b, c, f, n) of windowed frames, hops apart -> those frames (b, c, f, w).

        The first of them is frame number `first`. Bin k of frame n is referred to the phase that
        the bin's centre frequency has there, so that a steady tone asks for a slowly turning vector
        instead of a fast one.
        """
        turned = _turned(spectra, self._centre_phase(spectra.shape[-2], first))
        return torch.fft.irfft(torch.complex(*turned), n=HEAD_WINDOW, dim=-1)

    def _referred(self, spectra: Tensor, first: int) -> Tensor:
        """Complex spectra (..., f, n) -> real pairs (2, ..., f, n) as `blocks` takes them."""
        cosine, sine = self._centre_phase(spectra.shape[-2], first)[..., : spectra.shape[-1]]
        return _turned((spectra.real, spectra.imag), (cosine, -sine))

    def _centre_phase(self, frames: int, first: int) -> Tensor:
        """i^(k n) of bin k in frame n, as pairs (2, f, n)."""
        numbers = torch.arange(first, first + frames, device=self.rotation.device)
        return self.rotation[:, numbers % 4]

    def join(self, blocks: Tensor) -> Tensor:
        """Overlap-add of frames centred at (n + 1/2) hops, exact window-envelope normalisation."""
        envelope = _overlap_add(self.window.square().view(1, 1, 1, -1), blocks.shape[2])
        return _overlap_add(blocks * self.window, blocks.shape[2]) / envelope


def _rotation() -> Tensor:
    """cos and sin of (pi/2) k n for n = 0..3 and every bin k, shape (2, 4, bins)."""
    quarter = torch.outer(torch.arange(4), torch.arange(BINS)) % 4
    cosine = torch.tensor([1.0, 0.0, -1.0, 0.0])[quarter]
    sine = torch.tensor([0.0, 1.0, 0.0, -1.0])[quarter]
    return torch.stack([cosine, sine])


def _own_share(sample_rate: int) -> Tensor:
    """How much of the phase is the decoder's own beside that of the tones, in the low bins (n,).

    In all above it is the decoder's own alone.
    """
    hz = torch.arange(BINS) * sample_rate / HEAD_WINDOW
    low, high = TUNED_HZ
    return ((hz[hz < high] - low) / (high - low)).clamp(min=0)


def _drift(period_samples: int) -> Tensor:
    """Unit vectors (2, frames, bins) that wander by up to 18 Hz, and end where they began."""
    time = torch.arange(period_samples // HEAD_HOP)[:, None] * (2 * math.pi * HEAD_HOP)
    bins = torch.arange(BINS)
    waves = [
        torch.cos(cycles * time / period_samples + per_bin * bins + number)
        for number, (cycles, per_bin) in enumerate(zip(DRIFT_CYCLES, DRIFT_PER_BIN, strict=True))
    ]
    angle = DRIFT_RADIANS * torch.stack(waves).sum(0)
    return torch.stack([angle.cos(), angle.sin()])


def _turned(vectors: Pair, by: Pair) -> Tensor:
    """The complex product of pairs (2, ...) of real and imaginary parts."""
    (real, imaginary), (cosine, sine) = vectors, by
    return torch.stack([real * cosine - imaginary * sine, real * sine + imaginary * cosine])


def _unit(vectors: Tensor, floor: float = 1e-8) -> Tensor:
    """Vectors (2, ...) at length 1, shorter where their square is near `floor`."""
    return vectors * torch.rsqrt(vectors.square().sum(0) + floor)


def _overlap_add(blocks: Tensor, frames: int) -> Tensor:
    """Windows (b, c, f, 4*hop) a hop apart -> samples (b, c, f*hop), centred; linear.

    One window in place of f stands for f alike.
    """
    parts = rearrange(blocks, "b c f (q h) -> q b c f h", q=HEAD_WINDOW // HEAD_HOP)
    total = blocks.new_zeros(*blocks.shape[:2], frames + len(parts) - 1, HEAD_HOP)
    for q, part in enumerate(parts):
        total[:, :, q : q + frames] += part
    side = (HEAD_WINDOW - HEAD_HOP) // 2
    return total.flatten(2)[..., side : side + frames * HEAD_HOP]
