"""Key of a recording, estimated from what sounds, what the bass plays and where the harmony rests.

Every one of the 24 keys is scored linearly on pitch-class features turned to its tonic, so the
estimator knows nothing about absolute pitch. Weights were fitted on the songbook's training
pieces (`longform.train.evaluate.fit`); the published profile of Albrecht and Shanahan (2013)
is kept beside it as an estimator that never saw the songbook.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from longform.audio import Waveform
from longform.music.theory import Key
from longform.train.evaluate.features import ANALYSIS_RATE_HZ, analysis_mono, pitch_saliency
from longform.train.evaluate.weights import fitted_weights

HOP_SAMPLES = 2205
FRAME_RATE_HZ = ANALYSIS_RATE_HZ / HOP_SAMPLES
KEYS = tuple(Key(tonic, mode) for mode in ("major", "minor") for tonic in range(12))
Relation = Literal["exact", "relative", "fifth", "parallel", "other"]

ALBRECHT_SHANAHAN = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
"""Pitch-class shares from the tonic up; Albrecht & Shanahan, Music Perception 31(1), 2013."""


@dataclass(frozen=True, kw_only=True)
class KeyEstimate:
    """`key` None when nothing sounds; `margin` is the lead over the second key, in nats."""

    key: Key | None
    margin: float


def estimate_key(waveform: Waveform) -> KeyEstimate:
    """The most likely of the 24 keys; deterministic."""
    return key_of_mono(analysis_mono(waveform))


def key_of_mono(samples: np.ndarray) -> KeyEstimate:
    """As `estimate_key`, for mono float32 `(t,)` at the analysis rate."""
    return key_of_harmony(hear_harmony(samples))


def key_of_harmony(harmony: "Harmony") -> KeyEstimate:
    """As `estimate_key`, for what `hear_harmony` returns."""
    if not np.any(harmony.treble):
        return KeyEstimate(key=None, margin=0.0)
    scores = key_scores(key_features(harmony))
    order = np.argsort(scores)[::-1]
    return KeyEstimate(
        key=KEYS[order[0]], margin=round(float(scores[order[0]] - scores[order[1]]), 3)
    )


def profile_key(harmony: "Harmony") -> Key | None:
    """The key whose Albrecht-Shanahan profile correlates best with the mean chroma."""
    chroma = (harmony.treble + harmony.bass).mean(0)
    if not np.any(chroma):
        return None
    scores = [
        np.corrcoef(np.roll(ALBRECHT_SHANAHAN[key.mode], key.tonic), chroma)[0, 1] for key in KEYS
    ]
    return KEYS[int(np.argmax(scores))]


def key_relation(estimated: Key | None, asked: Key) -> Relation:
    """How an estimate stands to the asked key; the classes of MIREX audio key detection."""
    if estimated is None:
        return "other"
    interval = (estimated.tonic - asked.tonic) % 12
    if estimated.mode == asked.mode:
        return "exact" if interval == 0 else "fifth" if interval in (5, 7) else "other"
    if interval == 0:
        return "parallel"
    return "relative" if interval == (9 if asked.mode == "major" else 3) else "other"


@dataclass(frozen=True, kw_only=True)
class Harmony:
    """Chroma `(frames, 12)` of the treble (from C3) and of the bass (below C4), `FRAME_RATE_HZ`."""

    treble: np.ndarray
    bass: np.ndarray


def hear_harmony(samples: np.ndarray) -> Harmony:
    """Pitch classes over time; frames that are much quieter than the piece weigh less."""
    from scipy.ndimage import median_filter

    if len(samples) < ANALYSIS_RATE_HZ or float(np.abs(samples).max()) < 1e-4:
        return Harmony(treble=np.zeros((1, 12)), bass=np.zeros((1, 12)))
    high = pitch_saliency(samples, window_samples=8192, hop_samples=HOP_SAMPLES, low=48, high=96)
    low = pitch_saliency(samples, window_samples=16384, hop_samples=HOP_SAMPLES, low=28, high=60)
    # Held tones pass, drum hits do not: they last a frame or two.
    high, low = median_filter(high, (5, 1)), median_filter(low, (5, 1))
    return Harmony(treble=_fold(high, 48), bass=_fold(_lowest(low), 28))


def _lowest(saliency: np.ndarray) -> np.ndarray:
    """Each pitch weighed down by what sounds below it, so that the lowest voice remains."""
    below = np.cumsum(saliency, axis=1) - saliency
    return saliency * saliency / np.maximum(saliency + 2 * below, 1e-9)


def _fold(saliency: np.ndarray, low: int) -> np.ndarray:
    chroma = np.zeros((len(saliency), 12), dtype=np.float32)
    for column in range(saliency.shape[1]):
        chroma[:, (low + column) % 12] += saliency[:, column]
    return chroma


def key_features(harmony: Harmony) -> np.ndarray:
    """Features of each tonic `(12 tonics, features)`: every row is seen from its own tonic.

    Mean treble and bass, the share of time in which each pitch class leads, the first and the last
    seconds, and how long each of the 24 triads sounds.
    """
    treble, bass = _unit(harmony.treble), _unit(harmony.bass)
    sounding = harmony.treble.sum(1) > 0.05 * np.percentile(harmony.treble.sum(1), 95)
    if not sounding.any():
        sounding[:] = True
    treble, bass = treble[sounding], bass[sounding]
    edge = int(3 * FRAME_RATE_HZ)
    triads = _triad_shares(treble, bass)
    parts = [
        treble.mean(0),
        np.sqrt(treble).mean(0),
        bass.mean(0),
        _leader(bass),
        bass[:edge].mean(0),
        bass[-edge:].mean(0),
        treble[-edge:].mean(0),
        triads[:12],
        triads[12:],
    ]
    return np.stack(
        [np.concatenate([np.roll(part, -tonic) for part in parts]) for tonic in range(12)]
    )


def key_scores(features: np.ndarray) -> np.ndarray:
    """Scores `(24,)` in the order of `KEYS` from `key_features`."""
    weights = fitted_weights()
    return np.concatenate(
        [features @ weights["key_major"], features @ weights["key_minor"] + weights["key_bias"]]
    )


def _unit(chroma: np.ndarray) -> np.ndarray:
    return chroma / np.maximum(chroma.sum(1, keepdims=True), 1e-6)


def _leader(chroma: np.ndarray) -> np.ndarray:
    return np.bincount(chroma.argmax(1), minlength=12) / len(chroma)


def _triad_shares(treble: np.ndarray, bass: np.ndarray) -> np.ndarray:
    """Share of time of each major, then minor triad `(24,)`: soft assignment over half a second."""
    from scipy.ndimage import uniform_filter1d

    chroma = uniform_filter1d(treble + 0.5 * bass, int(FRAME_RATE_HZ / 2), axis=0)
    templates = np.zeros((24, 12))
    for root in range(12):
        templates[root, [root, (root + 4) % 12, (root + 7) % 12]] = 1
        templates[12 + root, [root, (root + 3) % 12, (root + 7) % 12]] = 1
    fit = chroma @ templates.T + 0.5 * np.tile(uniform_filter1d(bass, 5, axis=0), 2)
    fit = fit / np.maximum(chroma.sum(1, keepdims=True), 1e-6)
    soft = np.exp(12 * (fit - fit.max(1, keepdims=True)))
    return (soft / soft.sum(1, keepdims=True)).mean(0)
