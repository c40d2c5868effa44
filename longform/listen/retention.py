"""How much of one recording is still in another of the same length."""

from dataclasses import dataclass

import numpy as np

from longform.listen.beat import hear_beat
from longform.listen.describe import RATE_HZ, Curves, smoothed
from longform.listen.key import hear_key

_CHORD_SECONDS, _ONSET_SECONDS, _CONTOUR_SECONDS = 0.5, 0.08, 0.5
_LAG_SECONDS = 0.05
_EVEN = {"chroma": 1e-3, "onset": 1e-4, "loudness": 1.0}
AUDIBLE_DB = -60.0


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Similarities from about 0 (unrelated) to 1 (the same), each blind to timbre and level.

    Attributes:
        chroma: correlation of the pitch-class profiles, frame by frame, over what sounds
        onset: correlation of the onset curves, forgiving `_LAG_SECONDS`
        loudness: correlation of the loudness contours in decibels
        tempo_before_bpm, tempo_after_bpm: as heard; None where no beat is clear
        key_before, key_after: as heard, such as "A minor"; None where most has no clear chord
    """

    chroma: float
    onset: float
    loudness: float
    tempo_before_bpm: float | None
    tempo_after_bpm: float | None
    key_before: str | None
    key_after: str | None


def retention(before: Curves, after: Curves) -> Retention:
    """Compare two recordings of the same length, sample-aligned."""
    beats = [hear_beat(curves.onset) for curves in (before, after)]
    tempi = [round(beat.bpm, 2) if beat is not None else None for beat in beats]
    keys = [hear_key(curves) for curves in (before, after)]
    names = [str(key) if key is not None else None for key in keys]
    return Retention(
        chroma=round(_chroma(before, after), 3),
        onset=round(_onset(before.onset, after.onset), 3),
        loudness=round(_loudness(before.loudness_db, after.loudness_db), 3),
        tempo_before_bpm=tempi[0],
        tempo_after_bpm=tempi[1],
        key_before=names[0],
        key_after=names[1],
    )


def _chroma(before: Curves, after: Curves) -> float:
    count = min(len(before.chroma), len(after.chroma))
    audible = (before.loudness_db[:count] > AUDIBLE_DB) & (before.chroma[:count].sum(1) > 0)
    if not audible.any():
        return 1.0
    pair = [smoothed(curves.chroma[:count], _CHORD_SECONDS)[audible] for curves in (before, after)]
    a, b = (one - one.mean(1, keepdims=True) for one in pair)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(1) / np.maximum(norms, _EVEN["chroma"] ** 2)).mean())


def _onset(before: np.ndarray, after: np.ndarray) -> float:
    count = min(len(before), len(after))
    a, b = (smoothed(one[:count], _ONSET_SECONDS) for one in (before, after))
    reach = round(_LAG_SECONDS * RATE_HZ)
    lagged = [np.roll(b, lag) for lag in range(-reach, reach + 1)]
    return max(_correlation(a, one, _EVEN["onset"]) for one in lagged)


def _loudness(before: np.ndarray, after: np.ndarray) -> float:
    count = min(len(before), len(after))
    a, b = (smoothed(np.maximum(one[:count], -60.0), _CONTOUR_SECONDS) for one in (before, after))
    return _correlation(a, b, _EVEN["loudness"])


def _correlation(a: np.ndarray, b: np.ndarray, even: float) -> float:
    """Pearson's r; curves that vary less than `even` are alike when both do."""
    deviations = a.std(), b.std()
    if max(deviations) < even:
        return 1.0
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    return float(covariance / max(deviations[0] * deviations[1], 1e-12))
