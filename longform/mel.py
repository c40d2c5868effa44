"""Triangular filter banks, and the log-mel spectrogram that the audio tower listens to."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOOR_DB = -80.0
SILENCE = FLOOR_DB / 20.0 + 2.0
_BLOCK_FRAMES = 4096


def mel_from_hz(hz: np.ndarray) -> np.ndarray:
    """O'Shaughnessy's mel scale: 2595 log10(1 + f / 700)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hz, dtype=np.float64) / 700.0)


def hz_from_mel(mel: np.ndarray) -> np.ndarray:
    """The inverse of `mel_from_hz`."""
    return 700.0 * (10.0 ** (np.asarray(mel, dtype=np.float64) / 2595.0) - 1.0)


def mel_edges_hz(bands: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Edges of `bands` overlapping bands, evenly spaced in mel: (bands + 2,)."""
    low_mel, high_mel = mel_from_hz(np.array([low_hz, high_hz]))
    return hz_from_mel(np.linspace(low_mel, high_mel, bands + 2))


def triangles(edges_hz: np.ndarray, bins_hz: np.ndarray, least_hz: float = 0.0) -> np.ndarray:
    """Triangles of peak 1 over each edge but the first and last: (bins, bands) float64.

    A flank reaches to the neighbouring edge, and `least_hz` at least.
    """
    centre, bins = edges_hz[1:-1], bins_hz[:, None]
    below = np.maximum(centre - edges_hz[:-2], least_hz)
    above = np.maximum(edges_hz[2:] - centre, least_hz)
    rising, falling = (bins - centre + below) / below, (centre + above - bins) / above
    return np.minimum(rising, falling).clip(min=0.0)


def unit_bands(edges_hz: np.ndarray, *, sample_rate: int, fft_samples: int) -> Tensor:
    """Triangles that sum to 1 and are at least one FFT bin wide: (fft_samples // 2 + 1, bands)."""
    bin_hz = sample_rate / fft_samples
    bank = triangles(edges_hz, np.arange(fft_samples // 2 + 1) * bin_hz, least_hz=bin_hz)
    return torch.from_numpy((bank / bank.sum(0, keepdims=True)).astype(np.float32))


def unit_mel_bands(*, sample_rate: int, fft_samples: int, bands: int) -> Tensor:
    """`unit_bands` on the mel scale, from 0 Hz to half of the sample rate."""
    edges = mel_edges_hz(bands, 0.0, sample_rate / 2)
    return unit_bands(edges, sample_rate=sample_rate, fft_samples=fft_samples)


def mel_filters(
    *, sample_rate: int, fft_samples: int, bands: int, low_hz: float, high_hz: float
) -> np.ndarray:
    """Triangular filters of peak 1, evenly spaced in mel: (bands, fft_samples // 2 + 1) float32.

    A filter narrower than one FFT bin would be empty; it takes the bin nearest to its centre.
    """
    edges = mel_edges_hz(bands, low_hz, high_hz)
    bins = np.linspace(0.0, sample_rate / 2, fft_samples // 2 + 1)
    filters = triangles(edges, bins).T
    for band in np.flatnonzero(filters.sum(axis=1) == 0):
        filters[band, np.abs(bins - edges[band + 1]).argmin()] = 1.0
    return filters.astype(np.float32)


class LogMel(nn.Module):
    """Waveform -> log-mel spectrogram, scaled to -2 (silence) .. about 2 (full scale).

    The power of the channels is averaged, not their samples: what is out of phase between left
    and right would cancel in a mono sum. A sine at full scale measures about 0 dB.
    """

    pairs: Tensor
    window: Tensor

    def __init__(
        self,
        *,
        sample_rate: int,
        fft_samples: int,
        hop_samples: int,
        bands: int,
        low_hz: float,
        high_hz: float,
    ) -> None:
        super().__init__()
        self.fft_samples, self.hop_samples = fft_samples, hop_samples
        filters = mel_filters(
            sample_rate=sample_rate,
            fft_samples=fft_samples,
            bands=bands,
            low_hz=low_hz,
            high_hz=high_hz,
        )
        window = torch.hann_window(fft_samples)
        # The filters weigh squared real and imaginary parts alike, and a full-scale sine, whose
        # magnitude is half of the window's sum, comes to 1.
        pairs = (
            torch.as_tensor(filters, device=window.device).repeat_interleave(2, dim=1)
            / (window.sum() / 2) ** 2
        )
        self.register_buffer("pairs", pairs.T.contiguous(), persistent=False)
        self.register_buffer("window", window, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """(b, c, t) samples in -1..1 -> (b, bands, frames); frame i is centred on sample i * hop.

        There are `max(1, t // hop)` frames. Long audio goes through in blocks, to save memory.
        """
        assert audio.ndim == 3
        return torch.cat(list(self._blocks(audio.float())), dim=-1)

    def _blocks(self, audio: Tensor) -> Iterator[Tensor]:
        frames = max(1, audio.shape[-1] // self.hop_samples)
        half = self.fft_samples // 2
        padded = F.pad(audio, (half, self.fft_samples))
        for start in range(0, frames, _BLOCK_FRAMES):
            count = min(_BLOCK_FRAMES, frames - start)
            first = start * self.hop_samples
            block = padded[..., first : first + (count - 1) * self.hop_samples + self.fft_samples]
            yield self._log_mel(block)

    def _log_mel(self, block: Tensor) -> Tensor:
        windows = block.unfold(-1, self.fft_samples, self.hop_samples)  # (b, c, f, fft)
        parts = torch.view_as_real(torch.fft.rfft(windows * self.window)).flatten(-2)
        power = (parts.square_() @ self.pairs).mean(dim=1)  # (b, f, bands)
        level_db = 10.0 * torch.log10(power + 10.0 ** (FLOOR_DB / 10.0))
        return level_db.transpose(1, 2) / 20.0 + 2.0
