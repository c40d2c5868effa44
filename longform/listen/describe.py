"""A recording as three curves on one grid: pitch classes, onsets and loudness."""

from dataclasses import dataclass

import numpy as np

from longform.waveform import Waveform

ANALYSIS_HZ = 22_050
HOP_SAMPLES = 512
RATE_HZ = ANALYSIS_HZ / HOP_SAMPLES
FLOOR_DB = -80.0
_CHROMA_WINDOW, _ONSET_WINDOW = 8192, 1024
_BLOCK_FRAMES = 256
_CHROMA_HZ = (110.0, 1760.0)
_BASS_HZ = (40.0, 165.0)
_ONSET_BANDS = 32


@dataclass(frozen=True, eq=False)
class Curves:
    """What is heard at `RATE_HZ` frames a second; frame i is centred on sample i * HOP_SAMPLES.

    Attributes:
        chroma, bass: share of each pitch class, C first, in the middle and in the low register,
            (f, 12); zero in silence
        onset: how much the spectrum rises, (f,), 0 or more
        loudness_db: level of the mono mix, (f,), `FLOOR_DB` at the least
    """

    chroma: np.ndarray
    bass: np.ndarray
    onset: np.ndarray
    loudness_db: np.ndarray


def describe(waveform: Waveform) -> Curves:
    """The curves of a recording of any rate, length and number of channels."""
    mono = waveform.to_channels(1).resampled(ANALYSIS_HZ).samples[0]
    frames = len(mono) // HOP_SAMPLES + 1
    long_window, short_window = np.hanning(_CHROMA_WINDOW), np.hanning(_ONSET_WINDOW)
    middle, low = _pitch_classes(_CHROMA_HZ), _pitch_classes(_BASS_HZ)
    bands = _band_matrix()
    parts: list[tuple[np.ndarray, ...]] = []
    for start in range(0, frames, _BLOCK_FRAMES):
        count = min(_BLOCK_FRAMES, frames - start)
        spectrum = power_spectra(mono, start, count, long_window)
        short = power_spectra(mono, start, count, short_window)
        power = _windows(mono, start, count, _ONSET_WINDOW).astype(np.float64)
        level = 10 * np.log10((power**2).mean(1) + 10 ** (FLOOR_DB / 10))
        tones = np.sqrt(spectrum @ middle), np.sqrt(spectrum @ low)
        parts.append((*tones, np.log1p(1e3 * short @ bands), level))
    chroma, bass, logs, loudness = (np.concatenate(part) for part in zip(*parts, strict=True))
    rise = np.maximum(np.diff(logs, axis=0, prepend=logs[:1]), 0).mean(1)
    return Curves(_shares(chroma), _shares(bass), rise, np.maximum(loudness, FLOOR_DB))


def smoothed(curve: np.ndarray, seconds: float) -> np.ndarray:
    """(f, ...) averaged over a Hann window `seconds` wide, ends included; as long as before."""
    width = max(round(seconds * RATE_HZ), 1)
    window = np.hanning(width + 2)[1:-1]
    flat = curve.reshape(len(curve), -1)
    weight = np.convolve(np.ones(len(curve)), window, "full")
    first = (width - 1) // 2
    rows = [np.convolve(row, window, "full") / weight for row in flat.T]
    return np.stack(rows, axis=1)[first : first + len(curve)].reshape(curve.shape)


def _windows(mono: np.ndarray, start: int, count: int, width: int) -> np.ndarray:
    """Frames (count, width) of the samples, zeros beyond the ends."""
    first = start * HOP_SAMPLES - width // 2
    span = (count - 1) * HOP_SAMPLES + width
    before = max(0, -first)
    piece = mono[max(first, 0) : max(first + span, 0)]
    padded = np.pad(piece, (before, span - before - len(piece)))
    return np.lib.stride_tricks.sliding_window_view(padded, width)[::HOP_SAMPLES]


def power_spectra(mono: np.ndarray, start: int, count: int, window: np.ndarray) -> np.ndarray:
    """Power spectra (count, bins) of moments `start` on; a full-scale sine peaks at 0.25."""
    spectrum = np.fft.rfft(_windows(mono, start, count, len(window)) * window, axis=1)
    return np.abs(spectrum) ** 2 / window.sum() ** 2


def _pitch_classes(range_hz: tuple[float, float]) -> np.ndarray:
    """Bins (bins, 12) to pitch classes: a bin counts for the note that it is close to."""
    hz = np.fft.rfftfreq(_CHROMA_WINDOW, 1 / ANALYSIS_HZ)
    inside = (hz >= range_hz[0]) & (hz <= range_hz[1])
    pitch = 12 * np.log2(np.maximum(hz, 1.0) / 440.0) + 9
    distance = np.abs((pitch[:, None] - np.arange(12) + 6) % 12 - 6)
    return np.clip(1.5 - 2 * distance, 0, 1) * inside[:, None]


def _band_matrix() -> np.ndarray:
    """Bins (bins, bands) to bands of even width in octaves, 40 Hz to 10 kHz."""
    hz = np.fft.rfftfreq(_ONSET_WINDOW, 1 / ANALYSIS_HZ)
    edges = np.geomspace(40.0, 10_000.0, _ONSET_BANDS + 1)
    index = np.searchsorted(edges, hz) - 1
    return (index[:, None] == np.arange(_ONSET_BANDS)).astype(np.float64)


def _shares(chroma: np.ndarray) -> np.ndarray:
    total = chroma.sum(1, keepdims=True)
    return np.where(total > 1e-4, chroma / np.maximum(total, 1e-12), 0.0)
