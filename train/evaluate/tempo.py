"""Tempo of a recording, estimated from the regularity of its onsets.

The autocorrelation of three onset envelopes (low, middle, high) is read at musical multiples and
fractions of each candidate beat; a linear score over those readings picks the beat. The weights
are equivariant in time: only ratios of lags enter, plus a broad prior over tempo.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from longform.audio import Waveform
from longform.train.evaluate.features import ANALYSIS_RATE_HZ, analysis_mono, log_mel
from longform.train.evaluate.weights import fitted_weights

HOP_SAMPLES = 256
LOWEST_BPM, HIGHEST_BPM = 50.0, 200.0
CANDIDATES_BPM = LOWEST_BPM * (HIGHEST_BPM / LOWEST_BPM) ** np.linspace(0, 1, 561)
TOLERANCE = 0.04
"""Relative error up to which a tempo counts as obeyed (the MIREX tolerance)."""


@dataclass(frozen=True, kw_only=True)
class TempoEstimate:
    """`bpm` is 0 when nothing sounds; `clarity` is the autocorrelation at the beat, 0..1."""

    bpm: float
    clarity: float


def estimate_tempo(waveform: Waveform) -> TempoEstimate:
    """The most likely tempo; deterministic."""
    return tempo_of_mono(analysis_mono(waveform))


def tempo_of_mono(samples: np.ndarray) -> TempoEstimate:
    """As `estimate_tempo`, for mono float32 `(t,)` at `ANALYSIS_RATE_HZ`."""
    correlation = onset_autocorrelation(samples)
    if not np.any(correlation):
        return TempoEstimate(bpm=0.0, clarity=0.0)
    scores = tempo_scores(correlation)
    best = int(np.argmax(scores))
    bpm = _refined(CANDIDATES_BPM[best], correlation.mean(0))
    clarity = float(np.clip(_read(correlation.mean(0), _lag(np.array([bpm])))[0], 0, 1))
    return TempoEstimate(bpm=round(bpm, 2), clarity=round(clarity, 3))


def tempo_error(estimated_bpm: float, asked_bpm: float, *, folded: bool = True) -> float:
    """Relative error; with `folded`, the least of half, same and double tempo."""
    factors = (0.5, 1.0, 2.0) if folded else (1.0,)
    return min(abs(estimated_bpm * factor / asked_bpm - 1) for factor in factors)


def tempo_obeyed(estimated_bpm: float, asked_bpm: float) -> bool:
    """Within `TOLERANCE` after octave folding."""
    return tempo_error(estimated_bpm, asked_bpm) <= TOLERANCE


def onset_autocorrelation(samples: np.ndarray) -> np.ndarray:
    """Autocorrelation `(3, lags)` of the low, middle and high onset envelopes, 1 at lag 0.

    Lags are frames of `HOP_SAMPLES`. All zero when there are no onsets.
    """
    if len(samples) < 2 * ANALYSIS_RATE_HZ or float(np.abs(samples).max()) < 1e-4:
        return np.zeros((len(BANDS), _LAGS), dtype=np.float32)
    decibels = log_mel(samples, window_samples=1024, hop_samples=HOP_SAMPLES, bands=40)
    rise = np.maximum(decibels[2:] - decibels[:-2], 0)  # two hops back: soft attacks count too
    envelopes = np.stack([rise[:, band].mean(1) for band in BANDS])
    local = uniform_filter1d(envelopes, int(0.8 * ANALYSIS_RATE_HZ / HOP_SAMPLES), axis=1)
    envelopes = np.maximum(envelopes - local, 0)
    envelopes = envelopes - envelopes.mean(1, keepdims=True)
    power = np.abs(np.fft.rfft(envelopes, n=2 * envelopes.shape[1], axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)[:, : envelopes.shape[1]]
    correlation = correlation / np.maximum(correlation[:, :1], 1e-9)
    kept = correlation[:, :_LAGS]
    return np.pad(kept, ((0, 0), (0, _LAGS - kept.shape[1]))).astype(np.float32)


def tempo_features(correlation: np.ndarray) -> np.ndarray:
    """What is known of every candidate beat, `(candidates, features)`.

    Readings of the three autocorrelations at `RATIOS` of the beat, then the prior's terms.
    """
    lags = _lag(CANDIDATES_BPM)[:, None] * np.asarray(RATIOS)
    readings = np.concatenate([_read(row, lags) for row in correlation], axis=1)
    octaves = np.log2(CANDIDATES_BPM / 110)[:, None]
    return np.concatenate([readings, octaves, octaves**2], axis=1)


def tempo_scores(correlation: np.ndarray) -> np.ndarray:
    """Score of every candidate of `CANDIDATES_BPM`: the larger, the likelier."""
    return tempo_features(correlation) @ fitted_weights()["tempo"]


BANDS = (slice(0, 8), slice(8, 22), slice(22, 40))
"""Mel bands of the three envelopes: kick and bass, body, cymbals."""

RATIOS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4, 6, 8, 12, 16)
"""Lags that are read, in beats."""

_LAGS = int(20 * ANALYSIS_RATE_HZ / HOP_SAMPLES)


def _lag(bpm: np.ndarray) -> np.ndarray:
    """Frames between beats."""
    return 60 / bpm * ANALYSIS_RATE_HZ / HOP_SAMPLES


def _read(row: np.ndarray, lags: np.ndarray) -> np.ndarray:
    return np.interp(lags, np.arange(len(row)), row, right=0.0)


def _refined(bpm: float, row: np.ndarray) -> float:
    """The tempo within 1.5 % of `bpm` that best lines up the first sixteen beats."""
    near = bpm * np.linspace(0.985, 1.015, 61)
    lags = _lag(near)[:, None] * np.array([1, 2, 3, 4, 6, 8, 12, 16])
    return float(near[np.argmax(_read(row, lags).sum(1))])
