"""Key of a recording, estimated from its chords: how long each sounds, which begins, which ends.

Every one of the 24 keys is scored linearly on the chords as seen from its tonic, so the estimator
knows nothing about absolute pitch. The weights were fitted on plans and training pieces of the
songbook (`longform.train.evaluate.fit`); the published profile of Albrecht and Shanahan (2013) is
kept beside it as an estimator that never saw the songbook.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from longform.audio import Waveform
from longform.listen.key import KEYS, profile_fit
from longform.music.theory import Key
from longform.train.evaluate.features import analysis_mono
from longform.train.evaluate.harmony import (
    FRAME_RATE_HZ,
    TRIADS,
    Chords,
    Harmony,
    hear_harmony,
    recognise_chords,
)
from longform.train.evaluate.weights import fitted_weights

EDGE_SECONDS = 2.0
Relation = Literal["exact", "relative", "fifth", "parallel", "other"]


@dataclass(frozen=True, kw_only=True)
class KeyEstimate:
    """`key` None when nothing sounds; `margin` is the lead over the second key, in nats."""

    key: Key | None
    margin: float


def estimate_key(waveform: Waveform) -> KeyEstimate:
    """The most likely of the 24 keys; deterministic."""
    return key_of_harmony(hear_harmony(analysis_mono(waveform)))


def key_of_harmony(harmony: Harmony) -> KeyEstimate:
    """As `estimate_key`, for what `hear_harmony` returns."""
    if not harmony.sounds:
        return KeyEstimate(key=None, margin=0.0)
    scores = key_scores(key_features(recognise_chords(harmony)))
    order = np.argsort(scores)[::-1]
    margin = float(scores[order[0]] - scores[order[1]])
    return KeyEstimate(key=KEYS[order[0]], margin=round(margin, 3))


def profile_key(harmony: Harmony) -> Key | None:
    """The key whose Albrecht-Shanahan profile correlates best with the mean chroma."""
    if not harmony.sounds:
        return None
    return KEYS[int(np.argmax(profile_fit((harmony.treble + harmony.bass).mean(0))))]


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


def key_features(chords: Chords) -> np.ndarray:
    """Features of each tonic `(12 tonics, 96)`: every row is seen from its own tonic.

    The share of time of each triad, its square root, and the triads of the first and of the last
    `EDGE_SECONDS`. Shares are the mean of the decoded path and of its likelihoods.
    """
    decoded = 0.5 * (chords.shares + np.eye(TRIADS)[chords.path])
    edge = max(int(EDGE_SECONDS * FRAME_RATE_HZ), 1)
    whole = decoded.mean(0)
    parts = [whole, np.sqrt(whole), decoded[:edge].mean(0), decoded[-edge:].mean(0)]
    stacked = np.stack(parts).reshape(len(parts), 2, 12)  # parts, mode of the triad, root
    return np.stack([np.roll(stacked, -tonic, axis=2).ravel() for tonic in range(12)])


def key_scores(features: np.ndarray) -> np.ndarray:
    """Scores `(24,)` in the order of `KEYS` from `key_features`."""
    weights = fitted_weights()
    return np.concatenate(
        [features @ weights["key_major"], features @ weights["key_minor"] + weights["key_bias"]]
    )
