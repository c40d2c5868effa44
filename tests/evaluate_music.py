"""Small pieces of known tempo and key, of sines and noise, for the tests of the evaluation."""

from functools import cache

import numpy as np

from longform.audio import Waveform
from longform.music.theory import Key

SAMPLE_RATE = 44_100
PROGRESSIONS = {"major": (0, 4, 5, 3), "minor": (0, 5, 3, 4)}


@cache
def piece(bpm: float, key: Key, seconds: float = 24.0, seed: int = 0) -> Waveform:
    """Chords in a loop of four bars, a bass on every beat, kick, snare and hi-hat."""
    rng = np.random.default_rng(seed)
    total = int(seconds * SAMPLE_RATE)
    mix = np.zeros((2, total + 4 * SAMPLE_RATE))
    beat_seconds = 60 / bpm
    for beat in range(int(seconds / beat_seconds)):
        degree = PROGRESSIONS[key.mode][beat // 4 % 4]
        pitches = [_step(key, degree + third) for third in (0, 2, 4)]
        if key.mode == "minor" and degree == 4:
            pitches[1] += 1  # the leading note of harmonic minor
        start = int(beat * beat_seconds * SAMPLE_RATE)
        for pan, pitch in enumerate(pitches):
            _add(mix, start, _tone(60 + pitch, beat_seconds), 0.10, pan / 2)
        _add(mix, start, _tone(36 + pitches[0], beat_seconds), 0.25, 0.5)
        _add(mix, start, _drum(beat % 2 == 1, rng), 0.4, 0.5)
        for half in range(2):
            offset = start + int(half * beat_seconds * SAMPLE_RATE / 2)
            _add(mix, offset, rng.standard_normal(2000) * np.exp(-np.arange(2000) / 300), 0.05, 0.7)
    mix = mix[:, :total]
    return Waveform((0.8 * mix / np.abs(mix).max()).astype(np.float32), SAMPLE_RATE)


def clicks(bpm: float, seconds: float = 20.0) -> Waveform:
    """A short burst of noise on every beat."""
    rng = np.random.default_rng(0)
    samples = np.zeros((1, int(seconds * SAMPLE_RATE)))
    for beat in range(int(seconds * bpm / 60) - 1):
        start = int(beat * 60 / bpm * SAMPLE_RATE)
        samples[0, start : start + 1000] = 0.5 * rng.standard_normal(1000).clip(-2, 2) / 2
    return Waveform(samples.astype(np.float32), SAMPLE_RATE)


def noise(seconds: float = 5.0, level: float = 0.1) -> Waveform:
    """White noise, independent on both sides."""
    samples = np.random.default_rng(1).standard_normal((2, int(seconds * SAMPLE_RATE)))
    return Waveform((level * samples).astype(np.float32), SAMPLE_RATE)


def _step(key: Key, degree: int) -> int:
    """The pitch of a scale degree above the key's tonic, itself counted from C."""
    steps = [(pitch - key.tonic) % 12 for pitch in key.scale]
    return key.tonic + steps[degree % 7] + 12 * (degree // 7)


@cache
def _tone(pitch: int, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hz = 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(0.7**k * np.sin(2 * np.pi * hz * (k + 1) * time) for k in range(8))
    fades = np.minimum(time / 0.005, 1) * np.minimum((seconds - time) / 0.02, 1)
    return np.asarray(wave * np.exp(-2 * time) * fades)


def _drum(snare: bool, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(6000) / SAMPLE_RATE
    if snare:
        return 0.6 * rng.standard_normal(6000) * np.exp(-40 * time) * (1 - time / time[-1])
    sweep = np.sin(2 * np.pi * 50 * time + 5 * (1 - np.exp(-40 * time)))
    return sweep * np.exp(-30 * time) * np.minimum(time / 0.003, 1 - time / time[-1])


def _add(mix: np.ndarray, start: int, wave: np.ndarray, gain: float, pan: float) -> None:
    room = mix[:, start : start + len(wave)]
    room += gain * np.array([[1 - pan], [pan]]) * wave[: room.shape[1]]
