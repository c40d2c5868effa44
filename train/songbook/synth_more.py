"""More synthesised voices: FM keys and bass, a pad that sings vowels, a string machine."""

from functools import lru_cache

import numpy as np

from longform.train.songbook.synth_core import Tone, both, envelope, phase_of, unison
from longform.train.songbook.wavetable import row_of, scan, sine, spectrum_table

# Centre (Hz), width (Hz) and level of the first formants of sung vowels.
_VOWELS = {
    "ah": ((800, 90, 1.0), (1150, 110, 0.6), (2900, 170, 0.25)),
    "oh": ((450, 80, 1.0), (800, 100, 0.5), (2830, 160, 0.15)),
    "oo": ((350, 70, 1.0), (640, 90, 0.3), (2700, 160, 0.08)),
    "eh": ((400, 80, 1.0), (1600, 120, 0.4), (2700, 160, 0.25)),
}
_GLIDES = (("oo", "ah"), ("oh", "ah"), ("oo", "eh"), ("eh", "ah"))


@lru_cache(maxsize=256)
def _vowel_table(hz: float, vowels: tuple[str, str], sample_rate: int) -> np.ndarray:
    """One cycle of a voice on each of two vowels."""
    count = int(np.clip(min(9000.0, 0.45 * sample_rate) / hz, 1, 400))
    partials = np.arange(1, count + 1) * hz
    rows = []
    for vowel in vowels:
        peaks = [
            level / (1 + ((partials - centre) / (1.5 * width + 0.4 * hz)) ** 2)
            for centre, width, level in _VOWELS[vowel]
        ]
        rows.append((np.sum(peaks, axis=0) + 0.02) / np.sqrt(np.arange(1, count + 1)))
    rows = [row / np.sqrt((row**2).sum()) for row in rows]
    return spectrum_table(np.asarray(rows) * np.exp(0.7j * np.arange(count) ** 2))


def formant(tone: Tone) -> np.ndarray:
    """A pad that glides from one vowel to another, two singers a little apart."""
    patch = tone.patch
    attack = min(0.15 + 0.5 * patch.attack, 0.5 * tone.samples / tone.sample_rate + 0.05)
    level = envelope(tone, attack, 3.0, 0.85, 0.4 + 0.6 * patch.release)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    vowels = _GLIDES[min(3, int(patch.colour * 4))]
    cycles = _vowel_table(tone.hz, vowels, tone.sample_rate)
    slow = 0.5 - 0.5 * np.cos(2 * np.pi * (0.1 + 0.25 * patch.cutoff) * time)
    row = (np.clip(slow + 0.2 * tone.brightness, 0, 1) * 0.99).astype(np.float32)
    wobble = 0.0011 * np.sin(2 * np.pi * (4.6 + patch.detune) * time) / (2 * np.pi * 5.0)
    phase = phase_of(tone, time + wobble.astype(np.float32))
    cents = 5 + 7 * patch.detune
    left = scan(cycles, phase * 2 ** (-cents / 1200), row)
    right = scan(cycles, phase * 2 ** (cents / 1200) + 0.37, row)
    return np.stack([left + 0.35 * right, right + 0.35 * left]) * level * np.float32(0.55)


def fmkeys(tone: Tone) -> np.ndarray:
    """An electric piano of two FM pairs: a body that mellows and a short metal tine."""
    patch = tone.patch
    level = envelope(tone, 0.002, 1.1 + patch.release, 0.12, 0.25)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    base = phase_of(tone, time)
    body = (0.35 + 0.9 * tone.brightness) * np.exp(-time / (0.25 + 0.5 * patch.attack))
    tine = (0.05 + 0.16 * tone.brightness) * np.exp(-time / 0.12)
    high = min(14.0, 0.3 * tone.sample_rate / tone.hz)
    wave = sine(base + body / np.float32(2 * np.pi) * sine(base))
    wave = wave + tine * sine(high * base)
    tremolo = 0.12 * patch.colour * np.sin(2 * np.pi * (3 + 3 * patch.detune) * time)
    sides = np.stack([wave * (1 + tremolo), wave * (1 - tremolo)])
    return (sides * level * 0.6).astype(np.float32)


def fmbass(tone: Tone) -> np.ndarray:
    """A bass of one FM pair, growling at the onset."""
    patch = tone.patch
    level = envelope(tone, 0.003, 0.5, 0.6, 0.05)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    base = phase_of(tone, time)
    ratio = (1.0, 2.0, 3.0)[min(2, int(patch.colour * 3))]
    index = (0.7 + 2.2 * tone.brightness) * np.exp(-time / (0.06 + 0.25 * patch.attack)) + 0.5
    wave = sine(base + index / np.float32(2 * np.pi) * sine(ratio * base))
    return both(np.tanh(1.3 * wave) * level * 0.6)


def string_machine(tone: Tone) -> np.ndarray:
    """Saws in chorus without much bass, after the ensembles of the seventies."""
    patch = tone.patch
    attack = min(0.06 + 0.2 * patch.attack, 0.4 * tone.samples / tone.sample_rate + 0.03)
    level = envelope(tone, attack, 2.0, 0.9, 0.25 + 0.4 * patch.release)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    swirl = 0.25 * np.sin(2 * np.pi * (0.6 + 0.5 * patch.colour) * time)
    row = row_of(2600 * 2 ** (1.2 * patch.cutoff + 0.5 * tone.brightness + swirl))
    wide = unison(tone, 3, 7 + 7 * patch.detune, row, "saw")
    return (wide * level * 0.6).astype(np.float32)
