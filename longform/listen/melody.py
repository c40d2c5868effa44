"""The tune of a recording: its dominant pitch, moment by moment, as notes.

A whistled, sung or played line comes out note by note; of a full mix, whatever stands out. Pitch is
found as the one whose harmonics hold most of the spectrum (Hermes 1988, sub-harmonic summation),
and followed over time along the best path (Viterbi), as in melody extraction at large.
"""

from itertools import pairwise

import numpy as np

from longform.listen.describe import ANALYSIS_HZ, HOP_SAMPLES, RATE_HZ, power_spectra
from longform.waveform import Waveform

LOWEST_PITCH, HIGHEST_PITCH = 45, 93  # MIDI: A2 to A6
LEAST_SECONDS = 0.07
_WINDOW = 4096
_HARMONICS, _FALL = 8, 0.8
_CHANGE = 0.6  # what another pitch, or none, must be worth over its time, in units of salience
_BLOCK_FRAMES = 256
_FLOOR = 1.0  # loudness below which nothing counts: about that of the noise of 16 bits
_VOICED = 0.35
"""Salience, as a share of a pure harmonic tone's, from which on a moment has a tune."""


def hear_melody(waveform: Waveform) -> np.ndarray:
    """Notes (n, 3) of start seconds, seconds and MIDI pitch, as `longform.music.melody` takes."""
    salience = _salience(waveform)
    path = _best_path(salience)
    edges = np.flatnonzero(np.diff(path, prepend=-2, append=-2))
    notes = [
        (start / RATE_HZ, (stop - start) / RATE_HZ, path[start] + LOWEST_PITCH)
        for start, stop in pairwise(edges)
        if path[start] >= 0 and (stop - start) / RATE_HZ >= LEAST_SECONDS
    ]
    return np.asarray(notes, np.float64).reshape(-1, 3)


def _salience(waveform: Waveform) -> np.ndarray:
    """How much of each moment is a tone of each pitch, (frames, pitches), about 0..1."""
    mono = waveform.to_channels(1).resampled(ANALYSIS_HZ).samples[0]
    frames, window, partials = len(mono) // HOP_SAMPLES + 1, np.hanning(_WINDOW), _partials()
    scale = np.linalg.norm(partials, axis=0)
    parts = []
    for start in range(0, frames, _BLOCK_FRAMES):
        count = min(_BLOCK_FRAMES, frames - start)
        # Flattened, so that one loud partial is no tone.
        spectrum = power_spectra(mono, start, count, window) ** 0.25
        loudness = np.linalg.norm(spectrum, axis=1, keepdims=True)
        parts.append(spectrum @ partials / np.maximum(loudness * scale, _FLOOR))
    return np.concatenate(parts)


def _partials() -> np.ndarray:
    """(bins, pitches): each pitch's partials, falling by `_FALL`, a semitone wide at the most."""
    hz = np.fft.rfftfreq(_WINDOW, 1 / ANALYSIS_HZ)
    width_hz = 1.5 * ANALYSIS_HZ / _WINDOW
    pitches = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
    fundamental = 440.0 * 2 ** ((pitches - 69) / 12)
    matrix = np.zeros((len(hz), len(pitches)))
    for number in range(1, _HARMONICS + 1):
        distance = np.abs(hz[:, None] - number * fundamental) / width_hz
        matrix += _FALL ** (number - 1) * np.clip(1 - distance, 0, 1)
    return matrix


def _best_path(salience: np.ndarray) -> np.ndarray:
    """Pitch index of each moment, -1 where there is none: the path of most salience, few leaps."""
    frames, pitches = salience.shape
    cost = _CHANGE * (1 - np.eye(pitches + 1))
    gain = np.concatenate([np.full((frames, 1), _VOICED), salience], axis=1)
    best, came = gain[0], np.zeros((frames, pitches + 1), int)
    for frame in range(1, frames):
        scores = best[:, None] - cost
        came[frame] = scores.argmax(axis=0)
        best = scores.max(axis=0) + gain[frame]
    path = np.zeros(frames, int)
    path[-1] = int(best.argmax())
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path - 1
