"""The key of a recording, heard from its pitch classes and from its clear triads."""

import numpy as np

from longform.listen.chords import hear_triads
from longform.listen.describe import Curves
from longform.music.theory import Key

PROFILES = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
"""Pitch-class shares from the tonic up; Albrecht & Shanahan, Music Perception 31(1), 2013."""
_TRIADS_WEIGHT = 2.0
_TONAL_SHARE = 0.5
KEYS = tuple(Key(tonic, mode) for mode in ("major", "minor") for tonic in range(12))


def hear_key(curves: Curves) -> Key | None:
    """The key whose profile fits best; None where most of the recording has no clear triad.

    The fit is a correlation with the mean pitch classes, and with those of the triads alone,
    which leave passing notes and overtones out.
    """
    triads, _ = hear_triads(curves)
    if not is_tonal(triads):
        return None
    fit = profile_fit(curves.chroma.mean(0)) + _TRIADS_WEIGHT * profile_fit(triads.mean(0))
    return KEYS[int(np.argmax(fit))]


def is_tonal(triads: np.ndarray) -> bool:
    """Whether most frames of (f, 12) have a clear triad; drums and noises have none."""
    return bool((triads.sum(axis=1) > 0).mean() >= _TONAL_SHARE)


def profile_fit(shares: np.ndarray) -> np.ndarray:
    """How well pitch-class shares (12,) fit the profile of each of `KEYS`: Pearson's r, (24,)."""
    profiles = np.stack([np.roll(PROFILES[key.mode], key.tonic) for key in KEYS])
    centred = profiles - profiles.mean(1, keepdims=True)
    shares = shares - shares.mean()
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(shares)
    return centred @ shares / np.maximum(norms, 1e-9)
