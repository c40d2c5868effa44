"""Synthesised pitched voices: oscillators from wavetables, envelopes, detuning, FM."""

from collections.abc import Callable, Sequence

import numpy as np

from longform.train.songbook.score import Note
from longform.train.songbook.synth_core import (
    Patch,
    Tone,
    add_at,
    both,
    envelope,
    phase_of,
    unison,
)
from longform.train.songbook.synth_more import fmbass, fmkeys, formant, string_machine
from longform.train.songbook.wavetable import ROWS, row_of, scan, sine, table

_LENGTH_STEP_SECONDS = 0.02
_BRIGHTNESS_STEPS = 3


def render_notes(
    voice: str, notes: Sequence[Note], patch: Patch, samples: int, sample_rate: int
) -> np.ndarray:
    """All notes of one synthesised track, (2, samples) float32.

    Notes of equal pitch, length (in steps of 20 ms) and brightness are rendered once.
    """
    make, mono = VOICES[voice]
    out = np.zeros((2, samples), np.float32)
    rendered: dict[tuple[int, int, int], np.ndarray] = {}
    ordered = sorted(notes, key=lambda note: note.start_seconds)
    for index, note in enumerate(ordered):
        seconds = note.seconds
        if mono and index + 1 < len(ordered):
            gap = ordered[index + 1].start_seconds - note.start_seconds
            seconds = min(seconds, gap) if gap > _LENGTH_STEP_SECONDS else seconds
        length = max(1, round(seconds / _LENGTH_STEP_SECONDS))
        bright = min(_BRIGHTNESS_STEPS - 1, note.velocity * _BRIGHTNESS_STEPS // 128)
        key = (note.pitch, length, bright)
        if key not in rendered:
            hz = 440.0 * 2 ** ((note.pitch - 69) / 12)
            held = int(length * _LENGTH_STEP_SECONDS * sample_rate)
            tone = Tone(patch, hz, held, bright / (_BRIGHTNESS_STEPS - 1), sample_rate)
            rendered[key] = make(tone)
        add_at(out, rendered[key], note.start_seconds * sample_rate, (note.velocity / 127) ** 1.3)
    return out


def _subbass(tone: Tone) -> np.ndarray:
    """A sine with a little saturation, so that small speakers hear its octave."""
    level = envelope(tone, 0.004, 0.6, 0.75, 0.06)
    wave = sine(phase_of(tone, tone.time(0.06))) * level
    drive = 1.2 + 2.5 * tone.patch.colour
    return both(np.tanh(drive * wave) / np.tanh(drive) * 0.8)


def _acid(tone: Tone) -> np.ndarray:
    """Saw or square behind a resonant filter whose envelope opens with the accent."""
    patch = tone.patch
    time = tone.time(0.03)
    shape = "saw" if patch.colour < 0.6 else "square"
    base = 180 * 2 ** (2.0 * patch.cutoff)
    depth = 2.2 + 2.4 * tone.brightness
    decay = 0.08 + 0.25 * patch.attack
    row = row_of(base * 2 ** (depth * np.exp(-time / decay)))
    resonance = 0.55 + 0.3 * patch.resonance
    cycles = table(shape, tone.hz, round(resonance, 2), 0.5, tone.sample_rate)
    wave = scan(cycles, phase_of(tone, time), row) * envelope(tone, 0.003, 0.25, 0.5, 0.03)
    return both(np.tanh(1.4 * wave) * 0.5)


def _reese(tone: Tone) -> np.ndarray:
    """Detuned saws beating against each other through a slowly moving filter, mono below."""
    time = tone.time(0.08)
    rate = 0.3 + 2.0 * tone.patch.colour
    sweep = np.sin(2 * np.pi * rate * time)
    row = row_of((260 + 500 * tone.patch.cutoff) * 2 ** (0.8 * sweep + tone.brightness))
    wide = unison(tone, 4, 14 + 16 * tone.patch.detune, row, "saw")
    low = sine(phase_of(tone, time))
    middle = wide.mean(axis=0)
    wide = np.tanh(0.75 * wide + 0.6 * middle) * 0.45 + 0.3 * low
    return wide * envelope(tone, 0.008, 0.8, 0.85, 0.08)


def _supersaw(tone: Tone) -> np.ndarray:
    """Seven detuned saws (after the JP-8000's oscillator), bright with velocity."""
    patch = tone.patch
    release = 0.12 + 0.4 * patch.release
    level = envelope(tone, 0.004 + 0.03 * patch.attack, 1.2, 0.75, release)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    cutoff = 1800 * 2 ** (1.8 * patch.cutoff + tone.brightness)
    row = row_of(cutoff * 2 ** (0.9 * np.exp(-time / 0.25)))
    return unison(tone, 7, 14 + 22 * patch.detune, row, "saw") * level * np.float32(0.55)


def _pluck(tone: Tone) -> np.ndarray:
    """A filter that snaps shut: short, bright, wide."""
    patch = tone.patch
    release = 0.15 + 0.5 * patch.release
    decay = 0.12 + 0.35 * patch.attack
    level = envelope(tone, 0.002, decay * 1.6, 0.12, release)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    bright = 3.0 + 1.4 * tone.brightness + patch.cutoff
    row = row_of(350 * 2 ** (bright * np.exp(-time / decay)))
    shape = "saw" if patch.colour < 0.5 else "pulse"
    return unison(tone, 3, 6 + 8 * patch.detune, row, shape) * level * np.float32(0.8)


def _pad(tone: Tone) -> np.ndarray:
    """Slow attack and release, a filter that breathes."""
    patch = tone.patch
    attack = min(0.25 + 0.9 * patch.attack, 0.6 * tone.samples / tone.sample_rate + 0.05)
    level = envelope(tone, attack, 3.0, 0.8, 0.6 + 0.9 * patch.release)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    breath = 0.5 * np.sin(2 * np.pi * (0.08 + 0.3 * patch.colour) * time)
    row = row_of(500 * 2 ** (1.6 * patch.cutoff + 0.8 * tone.brightness + breath))
    shape = "saw" if patch.colour < 0.65 else "pulse"
    return unison(tone, 5, 8 + 12 * patch.detune, row, shape) * level * np.float32(0.7)


def _lead(tone: Tone) -> np.ndarray:
    """One saw or pulse with delayed vibrato and a touch of glide into the note."""
    patch = tone.patch
    release = 0.08 + 0.2 * patch.release
    level = envelope(tone, 0.006 + 0.02 * patch.attack, 0.5, 0.7, release)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    onset = np.clip((time - 0.18) / 0.3, 0, 1)
    cents = 22 * onset * np.sin(2 * np.pi * (4.8 + patch.colour) * time) - 60 * np.exp(-time / 0.02)
    phase = np.cumsum(tone.hz / tone.sample_rate * 2 ** (cents.astype(np.float64) / 1200))
    row = row_of(900 * 2 ** (1.5 * patch.cutoff + tone.brightness + np.exp(-time / 0.15)))
    shape = "saw" if patch.colour < 0.5 else "pulse"
    cycles = table(shape, tone.hz, 0.3 * patch.resonance, 0.3, tone.sample_rate)
    left = scan(cycles, phase, row)
    right = scan(cycles, phase * 2 ** (5 / 1200) + 0.3, row)
    return np.stack([0.75 * left + 0.25 * right, 0.25 * left + 0.75 * right]) * level * 0.6


def _chip(tone: Tone) -> np.ndarray:
    """Pulse waves of the classic duty cycles, triangle for low notes; a bare envelope."""
    width = (0.125, 0.25, 0.5)[min(2, int(tone.patch.colour * 3))]
    shape = "triangle" if tone.hz < 130 else "pulse"
    level = envelope(tone, 0.001, 0.3, 0.55, 0.012)
    time = np.arange(len(level), dtype=np.float32) / tone.sample_rate
    vibrato = 8 * np.clip((time - 0.2) / 0.1, 0, 1) * np.sin(2 * np.pi * 6 * time)
    phase = np.cumsum(tone.hz / tone.sample_rate * 2 ** (vibrato.astype(np.float64) / 1200))
    cycles = table(shape, tone.hz, 0.05, width, tone.sample_rate)
    return both(scan(cycles, phase, ROWS - 1.5) * level * (0.9 if shape == "triangle" else 0.45))


def _bell(tone: Tone) -> np.ndarray:
    """Two-operator FM with an inharmonic ratio and a long decay (Chowning 1973)."""
    patch = tone.patch
    ring = 1.2 + 2.0 * patch.release
    time = np.arange(int((tone.samples / tone.sample_rate + ring) * tone.sample_rate))
    time = time.astype(np.float32) / tone.sample_rate
    ratio = (1.4, 2.76, 3.5, 4.0)[min(3, int(patch.colour * 4))]
    ratio = min(ratio, 0.2 * tone.sample_rate / tone.hz)
    index = (1.0 + 1.6 * tone.brightness) * np.exp(-time / (0.15 + 0.3 * patch.attack))
    phase, depth = phase_of(tone, time), index / np.float32(2 * np.pi)
    left = sine(phase + depth * sine(ratio * phase))
    right = sine(phase + depth * sine(ratio * 1.0007 * phase + 0.06))
    fade = np.exp(-time * (3.2 / ring)) * np.clip((time[-1] - time) / 0.05, 0, 1)
    fade *= np.minimum(time / 0.002, 1)
    return (np.stack([left, right]) * fade * 0.5).astype(np.float32)


_Voice = Callable[[Tone], np.ndarray]
VOICES: dict[str, tuple[_Voice, bool]] = {  # name -> (maker, one note at a time)
    "subbass": (_subbass, True),
    "acid": (_acid, True),
    "reese": (_reese, True),
    "supersaw": (_supersaw, False),
    "pluck": (_pluck, False),
    "pad": (_pad, False),
    "lead": (_lead, False),
    "chip": (_chip, False),
    "bell": (_bell, False),
    "formant": (formant, False),
    "fmkeys": (fmkeys, False),
    "fmbass": (fmbass, True),
    "strings": (string_machine, False),
}
