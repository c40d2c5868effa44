"""What synthesised voices are made of: a note's tone, envelopes, detuned oscillators."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from longform.train.songbook.wavetable import scan, table


@dataclass(frozen=True)
class Patch:
    """The settings of one voice in one piece, drawn once from its seed; all of them 0..1."""

    detune: float
    cutoff: float
    resonance: float
    attack: float
    release: float
    colour: float


PATCHES = 64


def draw_patch(seed: int) -> Patch:
    """The patch of `seed`: one of 64, so that what is measured for one serves many pieces."""
    return Patch(*(float(value) for value in np.random.default_rng(seed % PATCHES).random(6)))


@dataclass(frozen=True)
class Tone:
    """What one note asks of a voice: its patch, pitch, key-down time and brightness (0..1)."""

    patch: Patch
    hz: float
    samples: int
    brightness: float
    sample_rate: int

    def time(self, release_seconds: float) -> np.ndarray:
        count = self.samples + int(release_seconds * self.sample_rate)
        return np.arange(count, dtype=np.float32) / self.sample_rate


def add_at(out: np.ndarray, sound: np.ndarray, start: float, gain: float) -> None:
    """Add `gain * sound` into `out` at sample `start`, cut to fit; sound is (2, n) or (n,)."""
    first = max(0, int(start))
    count = min(sound.shape[-1], out.shape[-1] - first)
    if count > 0:
        out[:, first : first + count] += np.float32(gain) * sound[..., :count]


def envelope(tone: Tone, attack: float, decay: float, sustain: float, release: float) -> np.ndarray:
    """Attack-decay-sustain-release over key-down time plus `release` seconds; ends at zero."""
    time = tone.time(release)
    held = tone.samples / tone.sample_rate
    level = np.minimum(time / max(attack, 1e-3), 1.0)
    level *= sustain + (1 - sustain) * np.exp(-np.maximum(time - attack, 0) / max(decay, 1e-3))
    falling = np.clip((time - held) / max(release, 1e-3), 0, 1)
    return level * (1 - falling) ** 2


def phase_of(tone: Tone, time: np.ndarray, ratio: float = 1.0, start: float = 0.0) -> np.ndarray:
    return time.astype(np.float64) * (tone.hz * ratio) + start


def unison(tone: Tone, voices: int, cents: float, row: np.ndarray, shape: str) -> np.ndarray:
    """(2, n): `voices` detuned oscillators spread from left to right, phases fixed by index."""
    cycles = table(shape, tone.hz, 0.25 * tone.patch.resonance, 0.3, tone.sample_rate)
    time = np.arange(len(row), dtype=np.float32) / tone.sample_rate
    out = np.zeros((2, len(row)), np.float32)
    for index in range(voices):
        place = 2 * index / (voices - 1) - 1
        ratio = 2 ** (cents * place * (1 + 0.13 * abs(place)) / 1200)
        wave = scan(cycles, phase_of(tone, time, ratio, (index * 0.618) % 1), row)
        angle = (0.5 + 0.42 * (-1) ** index * place) * np.pi / 2
        out[0] += wave * np.float32(np.cos(angle))
        out[1] += wave * np.float32(np.sin(angle))
    return out / np.float32(np.sqrt(voices))


def both(wave: np.ndarray) -> np.ndarray:
    """(2, n) from a mono wave."""
    return np.broadcast_to(wave.astype(np.float32), (2, len(wave)))


def dc_blocked(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """High-pass at 20 Hz, one pole."""
    pole = np.float32(np.exp(-2 * np.pi * 20 / sample_rate))
    one = np.array([1, -1], np.float32)
    return np.asarray(lfilter(one, np.array([1, -pole], np.float32), audio), np.float32)
