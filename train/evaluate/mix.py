"""Facts about a mix: level, bandwidth, and what its two channels do in each band and in mono."""

from dataclasses import dataclass

import numpy as np

from longform.audio import Waveform
from longform.waveform import SILENCE_DB, to_db

BANDS_HZ = {"low": (20.0, 150.0), "middle": (150.0, 2_000.0), "high": (2_000.0, 16_000.0)}
BANDWIDTH_SHARE = 0.999
WINDOW_SAMPLES = 4096


@dataclass(frozen=True, kw_only=True)
class MixFacts:
    """Measured over the whole waveform; None where silence leaves nothing to measure.

    Attributes:
        loudness_lufs: integrated loudness, ITU-R BS.1770-4 (pyloudnorm).
        true_peak_db: largest value at four times the rate, dBTP, ITU-R BS.1770-4 annex 2.
        crest_db: sample peak over RMS.
        bandwidth_hz: the frequency below which `BANDWIDTH_SHARE` of the power lies, after a
            first-order pre-emphasis, without which the bass alone would decide.
        fold_loss_db: power of both channels over power of their mean: 0 for mono, 3 for channels
            that are unrelated, large where they cancel.
        correlation: of left and right in each of `BANDS_HZ`, -1..1.
        width: share of the power of each band that is in the side signal, 0 mono .. 1 opposed.
    """

    loudness_lufs: float | None
    true_peak_db: float
    crest_db: float | None
    bandwidth_hz: float | None
    fold_loss_db: float | None
    correlation: dict[str, float]
    width: dict[str, float]


def measure_mix(waveform: Waveform) -> MixFacts:
    """All `MixFacts` of a mono or stereo waveform."""
    pair = waveform.samples[[0, -1]].astype(np.float64)
    power = float(np.mean(pair**2))
    loudness = waveform.loudness_lufs()
    left, right, cross = _spectra(pair)
    hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / waveform.sample_rate)
    silent = power < 1e-12
    return MixFacts(
        loudness_lufs=None if loudness is None else round(loudness, 2),
        true_peak_db=round(waveform.true_peak_db, 2),
        crest_db=None if silent else round(waveform.peak_db - to_db(power**0.5), 2),
        bandwidth_hz=None if silent else _bandwidth_hz(left + right, hz),
        fold_loss_db=None if silent else _fold_loss_db(pair, power),
        correlation={} if silent else _correlations(left, right, cross, hz),
        width={} if silent else _widths(left, right, cross, hz),
    )


def _spectra(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power of left and of right and the real part of their product, each `(bins,)`."""
    size = WINDOW_SAMPLES
    padded = np.pad(pair, ((0, 0), (0, max(size - pair.shape[1], 0))))
    window = np.hanning(size)
    left, right, cross = (np.zeros(size // 2 + 1) for _ in range(3))
    starts = np.arange(0, padded.shape[1] - size + 1, size // 2)
    for first in range(0, len(starts), 128):
        chosen = starts[first : first + 128, None] + np.arange(size)
        one, other = (np.fft.rfft(channel[chosen] * window, axis=1) for channel in padded)
        left += (np.abs(one) ** 2).sum(0)
        right += (np.abs(other) ** 2).sum(0)
        cross += (one * other.conj()).real.sum(0)
    return left, right, cross


def _bandwidth_hz(power: np.ndarray, hz: np.ndarray) -> float:
    total = np.cumsum(power * hz**2)
    return round(float(hz[np.searchsorted(total, BANDWIDTH_SHARE * total[-1])]), 1)


def _fold_loss_db(pair: np.ndarray, power: float) -> float:
    folded = float(np.mean(pair.mean(0) ** 2))
    least = power * 10 ** (SILENCE_DB / 10)
    return round(10 * float(np.log10(power / max(folded, least))), 2)


def _inside(hz: np.ndarray, band: str) -> np.ndarray:
    low, high = BANDS_HZ[band]
    return (hz >= low) & (hz < high)


def _correlations(
    left: np.ndarray, right: np.ndarray, cross: np.ndarray, hz: np.ndarray
) -> dict[str, float]:
    found = {}
    for band in BANDS_HZ:
        inside = _inside(hz, band)
        scale = float(np.sqrt(left[inside].sum() * right[inside].sum()))
        if scale > 1e-9:
            found[band] = round(float(cross[inside].sum()) / scale, 4)
    return found


def _widths(
    left: np.ndarray, right: np.ndarray, cross: np.ndarray, hz: np.ndarray
) -> dict[str, float]:
    found = {}
    for band in BANDS_HZ:
        inside = _inside(hz, band)
        both = float((left + right)[inside].sum())
        if both > 1e-9:  # |L - R|^2 / (2 (|L|^2 + |R|^2)) = side / (side + middle)
            found[band] = round((both - 2 * float(cross[inside].sum())) / (2 * both), 4)
    return found
