"""Tempo and phase of a steady beat, as one fit: where a comb of beats meets the most onsets."""

from dataclasses import dataclass

import numpy as np

from longform.listen.describe import RATE_HZ, smoothed

LOWEST_BPM, HIGHEST_BPM = 60.0, 190.0
_CANDIDATES = 480
_CENTRE_BPM, _OCTAVES = 115.0, 1.0
_HARMONICS = ((1, 1.0), (2, 0.6), (4, 0.5))
_CLEAR = 4.0  # times what noise of the same length reaches, about 1 / sqrt(frames)
_LEAST_SECONDS = 2.0
_COARSE_SECONDS = 40.0  # the coarse grid of tempi is too wide for the sharp peaks of a whole piece
_REFINED_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Beat:
    """A steady beat: one at `first_seconds` and each `60 / bpm` seconds on.

    `clarity` is the share of the onsets' variation that turns with the beat, 0 to about 1.
    """

    bpm: float
    first_seconds: float
    clarity: float

    def phase(self, times_seconds: np.ndarray) -> np.ndarray:
        """Beats since the first one."""
        return (times_seconds - self.first_seconds) * self.bpm / 60


def hear_beat(onset: np.ndarray, rate_hz: float = RATE_HZ) -> Beat | None:
    """The beat of an onset curve (f,); None when nothing repeats clearly.

    The curve's Fourier sums at the beat's frequency and at its double and fourfold are weighed
    against a broad preference for the middle of the tempo range (log-normal, one octave wide).
    """
    if len(onset) < _LEAST_SECONDS * rate_hz:
        return None
    curve = np.sqrt(onset)
    curve = curve - smoothed(curve, 1.0)
    spread = float(np.sqrt((curve**2).mean()))
    if spread < 1e-4:
        return None
    curve = curve / spread
    tempi = np.geomspace(LOWEST_BPM, HIGHEST_BPM, _CANDIDATES)
    scores = _scores(curve[: round(_COARSE_SECONDS * rate_hz)], tempi, rate_hz)
    prior = np.exp(-0.5 * (np.log2(tempi / _CENTRE_BPM) / _OCTAVES) ** 2)
    near = tempi[int(np.argmax(scores * prior))] * np.linspace(
        1 - _REFINED_SHARE, 1 + _REFINED_SHARE, 81
    )
    scores = _scores(curve, near, rate_hz)
    bpm = float(near[int(np.argmax(scores))])
    clarity = float(scores.max())
    if clarity < _CLEAR / np.sqrt(len(curve)):
        return None
    return Beat(bpm=bpm, first_seconds=_first(curve, bpm, rate_hz), clarity=round(clarity, 3))


def _sums(curve: np.ndarray, tempi: np.ndarray, rate_hz: float) -> np.ndarray:
    """Fourier sums (harmonics, tempi) of the curve at multiples of each tempo."""
    times = np.arange(len(curve)) / rate_hz
    rows = []
    for multiple, _ in _HARMONICS:
        turns = np.exp(-2j * np.pi * multiple * np.outer(tempi / 60, times))
        rows.append(turns @ curve / len(curve))
    return np.stack(rows)


def _scores(curve: np.ndarray, tempi: np.ndarray, rate_hz: float) -> np.ndarray:
    weights = np.array([weight for _, weight in _HARMONICS])
    return weights @ np.abs(_sums(curve, tempi, rate_hz))


def _first(curve: np.ndarray, bpm: float, rate_hz: float) -> float:
    """The first beat: the phase of the comb under which most onsets lie."""
    sums = _sums(curve, np.array([bpm]), rate_hz)[:, 0]
    phases = np.arange(256) / 256
    comb = sum(
        weight * (sums[row] * np.exp(2j * np.pi * multiple * phases)).real
        for row, (multiple, weight) in enumerate(_HARMONICS)
    )
    return float(phases[int(np.argmax(comb))] * 60 / bpm)
