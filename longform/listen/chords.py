"""The triad that sounds, second by second: enough to lead a model along a recording's harmony."""

import numpy as np

from longform.listen.describe import Curves, smoothed

_TRIADS = ((0, 4, 7), (0, 3, 7))
_CHORD_SECONDS = 1.0
_CLEAR = 0.55  # correlation with the triad: music of pitches has 0.6 to 0.9, drums 0.3 to 0.5
_TONAL = 0.1  # how far the chroma is from even: 0.1 to 0.5 against 0.05 to 0.1
_BASS_CLEAR = 0.25


def hear_triads(curves: Curves) -> tuple[np.ndarray, np.ndarray]:
    """Pitch classes of the triad (f, 12) and the bass note (f, 12) as zeros and ones, on the grid.

    Frames in which no triad is clear are all zero. A template is a triad of ones, and the one
    whose correlation with the smoothed chroma is the largest sounds.
    """
    templates = np.zeros((24, 12))
    for row in range(24):
        templates[row, [(row % 12 + step) % 12 for step in _TRIADS[row // 12]]] = 1.0
    centred = templates - templates.mean(1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    chroma = smoothed(curves.chroma + 0.5 * curves.bass, _CHORD_SECONDS)
    chroma = chroma - chroma.mean(1, keepdims=True)
    norms = np.linalg.norm(chroma, axis=1)
    scores = chroma @ centred.T / np.maximum(norms, 1e-6)[:, None]
    clear = (scores.max(1) > _CLEAR) & (norms > _TONAL)
    chords = templates[scores.argmax(1)] * clear[:, None]
    low = smoothed(curves.bass, _CHORD_SECONDS)
    bass = np.eye(12)[low.argmax(1)] * ((low.max(1) > _BASS_CLEAR) & clear)[:, None]
    return chords, bass
