"""Mel filters and the log-mel spectrogram that the audio tower listens to."""

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


def mel_filters(
    *, sample_rate: int, fft_samples: int, bands: int, low_hz: float, high_hz: float
) -> np.ndarray:
    """Triangular filters of peak 1, evenly spaced in mel: (bands, fft_samples // 2 + 1) float32.

    A filter narrower than one FFT bin would be empty; it takes the bin nearest to its centre.
    """
    low_mel, high_mel = mel_from_hz(np.array([low_hz, high_hz]))
    edges = hz_from_mel(np.linspace(low_mel, high_mel, bands + 2))
    bins = np.linspace(0.0, sample_rate / 2, fft_samples // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
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
