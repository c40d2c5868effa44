"""Synthesised drum kits: the analogue machines' recipes of tuned sines, noise, metal partials."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfilt

from longform.train.songbook.score import Note
from longform.train.songbook.synth_core import add_at

KITS = 16
DRUM_VOICES = ("kick808", "kick909", "drums808", "drums909")

# General MIDI percussion pitches -> (recipe, tuning in semitones, pan)
_GM: dict[int, tuple[str, float, float]] = {
    35: ("kick", -2, 0.0),
    36: ("kick", 0, 0.0),
    37: ("rim", 0, 0.1),
    38: ("snare", 0, 0.0),
    39: ("clap", 0, 0.0),
    40: ("snare", 2, 0.0),
    42: ("closed_hat", 0, 0.2),
    44: ("closed_hat", 2, 0.2),
    46: ("open_hat", 0, 0.2),
    49: ("crash", 0, -0.3),
    51: ("ride", 0, 0.35),
    52: ("crash", -3, 0.4),
    53: ("ride", 5, 0.35),
    54: ("shaker", 3, 0.3),
    55: ("crash", 5, -0.4),
    56: ("cowbell", 0, 0.25),
    57: ("crash", 2, 0.3),
    59: ("ride", 2, 0.35),
    69: ("shaker", 2, -0.3),
    70: ("shaker", 0, -0.3),
    75: ("rim", 7, -0.2),
    82: ("shaker", 1, -0.3),
}
_TOMS = {41: -7, 43: -5, 45: -2, 47: 0, 48: 3, 50: 6, 60: 12, 61: 9, 62: 11, 63: 8, 64: 5}
_GM.update({pitch: ("tom", tune, (tune - 2) / 20) for pitch, tune in _TOMS.items()})
_OPEN, _CLOSED = (46,), (42, 44)


def render_drums(
    voice: str, notes: Sequence[Note], seed: int, samples: int, sample_rate: int
) -> np.ndarray:
    """One synthesised drum track, (2, samples) float32; closed hats cut open ones short."""
    machine = "808" if voice.endswith("808") else "909"
    out = np.zeros((2, samples), np.float32)
    ordered = sorted(notes, key=lambda note: note.start_seconds)
    closing = [note.start_seconds for note in ordered if note.pitch in _CLOSED]
    for note in ordered:
        recipe, tune, pan = _GM.get(note.pitch, ("rim", 0.0, 0.0))
        if voice.startswith("kick"):
            recipe, tune, pan = "kick", 0.0, 0.0
        hit = one_shot(machine, recipe, tune, seed % KITS, sample_rate)
        if note.pitch in _OPEN:
            hit = _choked(hit, note.start_seconds, closing, sample_rate)
        angle = (pan + 1) * np.pi / 4
        gain = (note.velocity / 127) ** 1.5
        sides = np.sqrt(2) * gain * np.array([np.cos(angle), np.sin(angle)])
        stereo = sides[:, None].astype(np.float32) * hit
        add_at(out, stereo, note.start_seconds * sample_rate, 1.0)
    return out


def band(noise: np.ndarray, low_hz: float, high_hz: float, sample_rate: int) -> np.ndarray:
    """Second-order band-pass along the last axis; an edge at 0 or above Nyquist is left out."""
    top = 0.49 * sample_rate
    if low_hz <= 0:
        sections = butter(2, min(high_hz, top), "low", fs=sample_rate, output="sos")
    elif high_hz >= top:
        sections = butter(2, min(low_hz, top), "high", fs=sample_rate, output="sos")
    else:
        sections = butter(2, [low_hz, high_hz], "band", fs=sample_rate, output="sos")
    return np.asarray(sosfilt(sections, noise, axis=-1))


def _choked(hit: np.ndarray, start: float, closing: list[float], sample_rate: int) -> np.ndarray:
    """The hit, faded within 10 ms of the next closed hat."""
    later = np.searchsorted(closing, start, side="right")
    if later == len(closing):
        return hit
    time = np.arange(len(hit), dtype=np.float32) / sample_rate
    return hit * np.clip(1 - (time - (closing[later] - start)) / 0.01, 0, 1)


class _Hit:
    """What a recipe works with: the machine, the pitch factor, a generator and the rate."""

    def __init__(
        self, machine: str, pitch: float, rng: np.random.Generator, sample_rate: int
    ) -> None:
        self.is_808, self.pitch, self.rng, self.sample_rate = (
            machine == "808",
            pitch,
            rng,
            sample_rate,
        )

    def time(self, seconds: float) -> np.ndarray:
        return np.arange(int(seconds * self.sample_rate)) / self.sample_rate

    def noise(self, count: int, low_hz: float, high_hz: float) -> np.ndarray:
        return band(self.rng.standard_normal(count), low_hz, high_hz, self.sample_rate)


@lru_cache(maxsize=1024)
def one_shot(machine: str, recipe: str, tune: float, seed: int, sample_rate: int) -> np.ndarray:
    """One mono hit (n,) of a kit; `seed` moves tuning, decay and tone a little, as kits differ."""
    rng = np.random.default_rng([seed, sum(map(ord, recipe)), int(machine), int(tune) + 64])
    hit = _RECIPES[recipe](_Hit(machine, 2 ** (tune / 12), rng, sample_rate))
    fade = np.clip((len(hit) - np.arange(len(hit))) / (0.005 * sample_rate), 0, 1)
    return (hit * fade).astype(np.float32)


def _kick(hit: _Hit) -> np.ndarray:
    rng = hit.rng
    length = rng.uniform(0.5, 1.1) if hit.is_808 else rng.uniform(0.25, 0.45)
    time = hit.time(length)
    base = (rng.uniform(43, 52) if hit.is_808 else rng.uniform(48, 58)) * hit.pitch
    sweep, speed = (rng.uniform(60, 110), 0.018) if hit.is_808 else (rng.uniform(180, 320), 0.026)
    phase = base * time + sweep * speed * (1 - np.exp(-time / speed))
    body = np.sin(2 * np.pi * phase) * np.exp(-time / (length / 4.5))
    click = hit.noise(len(time), 800, 9000) * np.exp(-time / 0.0015)
    drive = 1.6 if hit.is_808 else 2.2
    return np.tanh(drive * (body + click * (0.1 if hit.is_808 else 0.35))) * 0.85


def _snare(hit: _Hit) -> np.ndarray:
    time = hit.time(0.35)
    base = hit.rng.uniform(165, 215) * hit.pitch
    tone = np.sin(2 * np.pi * (base * time + 0.9 * (1 - np.exp(-time / 0.012))))
    tone += 0.6 * np.sin(2 * np.pi * base * 1.79 * time)
    tone *= np.exp(-time / (0.07 if hit.is_808 else 0.05))
    noise = hit.noise(len(time), 1100, 11000) * np.exp(-time / hit.rng.uniform(0.05, 0.11))
    return np.tanh(0.55 * tone + (0.5 if hit.is_808 else 0.8) * noise) * 0.7


def _clap(hit: _Hit) -> np.ndarray:
    time = hit.time(0.4)
    level = 0.7 * np.exp(-time / hit.rng.uniform(0.06, 0.12)) * (time > 0.03)
    for start in (0.0, 0.010, 0.021, 0.031):
        level += np.where(time >= start, np.exp(-np.maximum(time - start, 0) / 0.005), 0)
    centre = hit.rng.uniform(1000, 1500) * hit.pitch
    return np.tanh(hit.noise(len(time), centre * 0.7, centre * 2.4) * level * 1.2) * 0.6


def _metal(hit: _Hit, time: np.ndarray) -> np.ndarray:
    """Six inharmonic partials with two overtones each: the cymbal oscillators of the machines."""
    ratios = np.array([2.0, 3.0, 4.16, 5.43, 6.79, 8.21]) * hit.rng.uniform(0.97, 1.03, 6)
    total = np.zeros_like(time)
    for ratio in ratios:
        for odd in (1, 3, 5):
            hz = 540 * hit.pitch * ratio * odd
            if hz < min(19000.0, 0.45 * hit.sample_rate):
                total += np.sin(2 * np.pi * hz * time + hit.rng.uniform(0, 6.28)) / odd**0.7
    return total / 5


def _cymbal(hit: _Hit, seconds: float, decay: float, low_hz: float, metal: float) -> np.ndarray:
    time = hit.time(seconds)
    mixed = metal * _metal(hit, time) + 0.6 * hit.rng.standard_normal(len(time))
    level = np.exp(-time / decay) + 0.5 * np.exp(-time / 0.012)
    bright = band(mixed, low_hz * hit.pitch, hit.sample_rate, hit.sample_rate)
    return bright * level * np.minimum(time / 0.0008, 1) * 0.35


def _closed_hat(hit: _Hit) -> np.ndarray:
    return _cymbal(hit, 0.12, hit.rng.uniform(0.018, 0.03), 7000, 1.0)


def _open_hat(hit: _Hit) -> np.ndarray:
    return _cymbal(hit, 0.7, hit.rng.uniform(0.13, 0.22), 6500, 0.9)


def _crash(hit: _Hit) -> np.ndarray:
    return _cymbal(hit, 2.6, hit.rng.uniform(0.5, 0.8), 3200, 0.45) * 1.1


def _ride(hit: _Hit) -> np.ndarray:
    wash = _cymbal(hit, 1.4, hit.rng.uniform(0.3, 0.45), 4200, 0.8)
    time = hit.time(1.4)
    return wash * 0.6 + 0.12 * np.sin(2 * np.pi * 3120 * hit.pitch * time) * np.exp(-time / 0.2)


def _tom(hit: _Hit) -> np.ndarray:
    time = hit.time(0.5)
    base = 130 * hit.pitch
    phase = base * time + base * 0.5 * 0.04 * (1 - np.exp(-time / 0.04))
    body = np.sin(2 * np.pi * phase) * np.exp(-time / 0.13)
    skin = hit.noise(len(time), 400, 5000) * np.exp(-time / 0.02)
    return np.tanh(1.3 * body + 0.25 * skin) * 0.65


def _rim(hit: _Hit) -> np.ndarray:
    time = hit.time(0.08)
    tone = np.sin(2 * np.pi * 1680 * hit.pitch * time)
    tone += 0.8 * np.sin(2 * np.pi * 520 * hit.pitch * time)
    return np.tanh(1.5 * tone * np.exp(-time / 0.012)) * 0.5


def _cowbell(hit: _Hit) -> np.ndarray:
    time = hit.time(0.35)
    tone = np.zeros_like(time)
    for hz in (540, 800):
        for odd in (1, 3, 5, 7):
            tone += np.sin(2 * np.pi * hz * odd * hit.pitch * time) / odd
    level = 0.6 * np.exp(-time / 0.015) + 0.4 * np.exp(-time / 0.09)
    return band(tone, 500, 3500, hit.sample_rate) * level * 0.45


def _shaker(hit: _Hit) -> np.ndarray:
    time = hit.time(0.11)
    noise = hit.noise(len(time), 5500 * hit.pitch, 14000)
    return noise * np.sin(np.pi * np.minimum(time / 0.07, 1)) ** 2 * 0.4


_RECIPES: dict[str, Callable[[_Hit], np.ndarray]] = {
    "kick": _kick,
    "snare": _snare,
    "clap": _clap,
    "closed_hat": _closed_hat,
    "open_hat": _open_hat,
    "crash": _crash,
    "ride": _ride,
    "tom": _tom,
    "rim": _rim,
    "cowbell": _cowbell,
    "shaker": _shaker,
}
