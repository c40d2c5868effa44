"""The eleven musical descriptors of StemGen and the distance of two sets of pieces by them.

MIRDD (Parker et al. 2023, 2312.08723, section 4.2) reads each descriptor off every piece, compares
the two populations' distributions by KL divergence, and averages over the descriptors. The paper's
descriptors come from trained transcription models that are not public; here they come from this
package's own estimators, so the distance is comparable with itself alone. Structure labels have
no names (intro, verse) but letters in the order of appearance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import find_peaks

from longform.train.evaluate.distances import kl_nats
from longform.train.evaluate.features import ANALYSIS_RATE_HZ, log_mel, pitch_saliency
from longform.train.evaluate.harmony import (
    TRIADS,
    Harmony,
    recognise_chords,
)
from longform.train.evaluate.key import key_features, key_scores
from longform.train.evaluate.structure import CELL_SECONDS, Structure
from longform.train.evaluate.tempo import BANDS, HOP_SAMPLES, onset_autocorrelation

LOWEST_PITCH, HIGHEST_PITCH = 36, 96
NOTE_SHARE = 0.3
"""A pitch sounds in a frame when its saliency reaches this share of the frame's strongest."""
HIT_WINDOW_SECONDS = 0.6
MAX_HITS = 24
METRES = (3, 4, 5, 7)
CLEARLY = 0.1
"""How much better than after 4 beats the onsets must repeat for another metre, in correlation."""
LETTERS = 8
SAME_SECTION = 0.5
"""Mean similarity from which two sections share a letter."""

BINS: dict[str, int] = {
    "key_signature": 24,
    "pitch_range": (HIGHEST_PITCH - LOWEST_PITCH) // 4 + 1,
    "unique_pitch_classes": 13,
    "percussive_density": MAX_HITS + 1,
    "beats_per_bar": len(METRES),
    "chord_variety": TRIADS + 1,
    "tonality_alternation": 11,
    "note_pitches": HIGHEST_PITCH - LOWEST_PITCH,
    "note_pitch_classes": 12,
    "chord_triads": TRIADS,
    "structure_labels": LETTERS,
}
"""Each descriptor and how many bins its histogram has."""

Descriptors = dict[str, np.ndarray]
"""A histogram of counts or of shares of time per name of `BINS`; all zero where nothing sounds."""


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Which pitch sounds when, `(frames, pitches)` bool, one frame per 0.1 s, from LOWEST_PITCH."""

    sounding: np.ndarray


def describe(
    mono: np.ndarray, harmony: Harmony, structure: Structure, heard_bpm: float
) -> Descriptors:
    """All eleven descriptors of mono `(t,)` at the analysis rate."""
    found = {name: np.zeros(bins) for name, bins in BINS.items()}
    if not harmony.sounds:
        return found
    notes = hear_notes(mono)
    chords = recognise_chords(harmony)
    changes = chords.path[np.flatnonzero(np.diff(chords.path, prepend=-1))]
    pitches = np.flatnonzero(notes.sounding.any(0))
    classes = _pitch_classes(notes.sounding.sum(0))
    _count(found, "key_signature", int(np.argmax(key_scores(key_features(chords)))))
    _count(found, "pitch_range", int(np.ptp(pitches)) // 4 if len(pitches) else 0)
    _count(found, "unique_pitch_classes", int((classes > 0.03 * classes.sum()).sum()))
    _count(found, "percussive_density", min(most_hits(mono), MAX_HITS))
    _count(found, "beats_per_bar", METRES.index(beats_per_bar(mono, heard_bpm)))
    _count(found, "chord_variety", len(np.unique(changes)))
    _count(found, "tonality_alternation", round(10 * _alternation(changes)))
    found["note_pitches"] = _shares(notes.sounding.sum(0))
    found["note_pitch_classes"] = _shares(classes)
    found["chord_triads"] = _shares(np.bincount(chords.path, minlength=TRIADS))
    found["structure_labels"] = _shares(section_letters(structure))
    return found


def mirdd(generated: Sequence[Descriptors], real: Sequence[Descriptors]) -> float:
    """Mean of `divergences`, nats."""
    return float(np.mean(list(divergences(generated, real).values())))


def divergences(generated: Sequence[Descriptors], real: Sequence[Descriptors]) -> dict[str, float]:
    """KL(generated || real) of each descriptor's histogram summed over the pieces, nats."""
    ours, theirs = (
        {name: np.sum([one[name] for one in side], axis=0) for name in BINS}
        for side in (generated, real)
    )
    return {name: kl_nats(ours[name], theirs[name]) for name in BINS}


def hear_notes(mono: np.ndarray) -> Notes:
    """A simple transcription: strong spectral peaks that last 0.2 s or more."""
    saliency = pitch_saliency(
        mono, window_samples=8192, hop_samples=2205, low=LOWEST_PITCH, high=HIGHEST_PITCH
    )
    strongest = np.maximum(saliency.max(1, keepdims=True), 0.05 * saliency.max(initial=1e-9))
    loud = saliency >= NOTE_SHARE * strongest
    padded = np.pad(loud, ((1, 1), (0, 0)))
    return Notes(sounding=loud & (padded[:-2] | padded[2:]))


def most_hits(mono: np.ndarray) -> int:
    """Most onsets, over three bands, in any `HIT_WINDOW_SECONDS`."""
    decibels = log_mel(mono, window_samples=1024, hop_samples=HOP_SAMPLES, bands=40)
    rise = np.maximum(np.diff(decibels, axis=0), 0)
    times: list[np.ndarray] = []
    for band in BANDS:
        envelope = rise[:, band].mean(1)
        height = max(6.0, float(envelope.mean() + 2 * envelope.std()))
        times.append(find_peaks(envelope, height=height, distance=4)[0])
    hits = np.sort(np.concatenate(times)) * HOP_SAMPLES / ANALYSIS_RATE_HZ
    ends = np.searchsorted(hits, hits + HIT_WINDOW_SECONDS)
    return int((ends - np.arange(len(hits))).max(initial=0))


def beats_per_bar(mono: np.ndarray, bpm: float) -> int:
    """The one of `METRES` after which the onsets repeat best; 4 if none is clearly better."""
    correlation = onset_autocorrelation(mono).mean(0)
    if bpm <= 0 or not np.any(correlation):
        return 4
    beat_frames = 60 / bpm * ANALYSIS_RATE_HZ / HOP_SAMPLES
    frames = len(mono) / HOP_SAMPLES
    peaks = maximum_filter1d(correlation, 3)

    def repeats(beats: int) -> float:
        lags = beats * beat_frames * np.arange(1, 4)
        lags = lags[lags < min(0.8 * frames, len(peaks) - 1)]
        found = peaks[np.rint(lags).astype(int)]
        # At a long lag fewer frames meet, which must not speak for the shorter bar.
        return float(np.mean(found / (1 - lags / frames))) if len(lags) else -np.inf

    return max(METRES, key=lambda beats: repeats(beats) + CLEARLY * (beats == 4))


def section_letters(structure: Structure) -> np.ndarray:
    """Seconds that each letter `(LETTERS,)` lasts: a section takes the letter of its likest."""
    count = len(structure.similarity)
    edges = [0, *(round(at / CELL_SECONDS) for at in structure.boundaries_seconds), count]
    spans = [slice(a, b) for a, b in pairwise(edges) if b > a]
    seconds, first_of = np.zeros(LETTERS), list[slice]()
    for span in spans:
        likeness = [float(structure.similarity[span, other].mean()) for other in first_of]
        letter = int(np.argmax(likeness)) if likeness else 0
        if not likeness or (likeness[letter] < SAME_SECTION and len(first_of) < LETTERS):
            letter = len(first_of)
            first_of.append(span)
        seconds[letter] += (span.stop - span.start) * CELL_SECONDS
    return seconds


def _alternation(changes: np.ndarray) -> float:
    """Share of the chord changes that go from major to minor or back."""
    minor = changes >= TRIADS // 2
    return float(np.mean(minor[1:] != minor[:-1])) if len(changes) > 1 else 0.0


def _pitch_classes(counts: np.ndarray) -> np.ndarray:
    return np.bincount((np.arange(len(counts)) + LOWEST_PITCH) % 12, counts, minlength=12)


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / max(float(counts.sum()), 1e-9)


def _count(found: Descriptors, name: str, value: int) -> None:
    found[name][min(value, len(found[name]) - 1)] = 1
