"""Harmony of a recording: chroma of treble and bass over time, and the triads that they spell.

A triad's score is linear in the chroma turned to its root, with weights fitted on training pieces
whose chords are known (`longform.train.evaluate.fit`); Viterbi decoding stops chords flickering.
"""

from dataclasses import dataclass

import numpy as np

from longform.train.evaluate.features import ANALYSIS_RATE_HZ, pitch_saliency
from longform.train.evaluate.weights import fitted_weights

HOP_SAMPLES = 2205
FRAME_RATE_HZ = ANALYSIS_RATE_HZ / HOP_SAMPLES
TRIADS = 24
"""Major triads on C..B, then minor triads on C..B."""
BLUR_FRAMES = 9
STAY_PROBABILITY = 0.9


@dataclass(frozen=True, kw_only=True)
class Harmony:
    """Chroma `(frames, 12)` of the treble (from C3) and of the bass (below C4), `FRAME_RATE_HZ`."""

    treble: np.ndarray
    bass: np.ndarray

    @property
    def sounds(self) -> bool:
        """Whether any pitch was heard."""
        return bool(np.any(self.treble))


@dataclass(frozen=True, kw_only=True)
class Chords:
    """First to last sounding frame: `shares` (frames, 24) sum to 1, `path` (frames,)."""

    shares: np.ndarray
    path: np.ndarray


def hear_harmony(samples: np.ndarray) -> Harmony:
    """Pitch classes over time of mono `(t,)` at the analysis rate; all zero for silence."""
    from scipy.ndimage import median_filter

    if len(samples) < ANALYSIS_RATE_HZ or float(np.abs(samples).max()) < 1e-4:
        return Harmony(treble=np.zeros((1, 12)), bass=np.zeros((1, 12)))
    high = pitch_saliency(samples, window_samples=8192, hop_samples=HOP_SAMPLES, low=48, high=96)
    low = pitch_saliency(samples, window_samples=16384, hop_samples=HOP_SAMPLES, low=28, high=60)
    # Held tones pass, drum hits do not: they last a frame or two.
    high, low = median_filter(high, (5, 1)), median_filter(low, (5, 1))
    return Harmony(treble=_fold(high, 48), bass=_fold(_lowest(low), 28))


def recognise_chords(harmony: Harmony) -> Chords:
    """The triads of a `Harmony` that sounds."""
    loudness = harmony.treble.sum(1)
    sounding = np.flatnonzero(loudness > 0.03 * np.percentile(loudness, 95))
    shares = triad_shares(harmony)[sounding[0] : sounding[-1] + 1]
    return Chords(shares=shares, path=_viterbi(np.log(shares + 1e-12)))


def triad_shares(harmony: Harmony) -> np.ndarray:
    """How likely each triad is in each frame, `(frames, 24)`; every row sums to 1."""
    features, weights = chord_features(harmony), fitted_weights()
    major = features @ weights["chord_major"]
    minor = features @ weights["chord_minor"] + weights["chord_bias"]
    scores = np.concatenate([major, minor], axis=1)
    scores -= scores.max(1, keepdims=True)
    return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)


def chord_features(harmony: Harmony) -> np.ndarray:
    """What each root sees, `(frames, 12 roots, 48)`: blurred chroma and its square root."""
    from scipy.ndimage import uniform_filter1d

    rows = []
    for chroma in (harmony.treble, harmony.bass):
        blurred = uniform_filter1d(chroma.astype(np.float64), BLUR_FRAMES, axis=0, mode="nearest")
        blurred = np.maximum(blurred, 0)
        shares = blurred / np.maximum(blurred.sum(1, keepdims=True), 1e-6)
        rows += [shares, np.sqrt(shares)]
    stacked = np.stack(rows, axis=1)  # (frames, 4, 12)
    turned = [np.roll(stacked, -root, axis=2).reshape(len(stacked), -1) for root in range(12)]
    return np.stack(turned, axis=1)


def _viterbi(log_shares: np.ndarray) -> np.ndarray:
    """The likeliest path `(frames,)` when a chord stays with `STAY_PROBABILITY` per frame."""
    stay = np.log(STAY_PROBABILITY)
    leave = np.log((1 - STAY_PROBABILITY) / (TRIADS - 1))
    value, own = log_shares[0].copy(), np.arange(TRIADS)
    origin = np.zeros((len(log_shares), TRIADS), dtype=int)
    for frame in range(1, len(log_shares)):
        best = int(value.argmax())
        stays = value + stay >= value[best] + leave
        origin[frame] = np.where(stays, own, best)
        value = np.where(stays, value + stay, value[best] + leave) + log_shares[frame]
    path = np.empty(len(log_shares), dtype=int)
    path[-1] = value.argmax()
    for frame in range(len(path) - 1, 0, -1):
        path[frame - 1] = origin[frame, path[frame]]
    return path


def _lowest(saliency: np.ndarray) -> np.ndarray:
    """Each pitch weighed down by what sounds below it, so that the lowest voice remains."""
    below = np.cumsum(saliency, axis=1) - saliency
    return saliency * saliency / np.maximum(saliency + 2 * below, 1e-9)


def _fold(saliency: np.ndarray, low: int) -> np.ndarray:
    chroma = np.zeros((len(saliency), 12), dtype=np.float32)
    for column in range(saliency.shape[1]):
        chroma[:, (low + column) % 12] += saliency[:, column]
    return chroma
