"""Sounds of transition: noise that rises into a section, impacts and falls that open one."""

from collections.abc import Callable, Sequence

import numpy as np

from longform.train.songbook.score import Note
from longform.train.songbook.synth_core import add_at
from longform.train.songbook.synth_drums import band

FX_VOICES = ("riser", "impact", "downlifter")
_BANDS_HZ = (300.0, 900.0, 2400.0, 6000.0, 14000.0)


def render_fx(
    voice: str, notes: Sequence[Note], seed: int, samples: int, sample_rate: int
) -> np.ndarray:
    """One track of transitions, (2, samples) float32; each fills the length of its note."""
    out = np.zeros((2, samples), np.float32)
    for index, note in enumerate(notes):
        rng = np.random.default_rng([seed % 997, index])
        sound = _MAKERS[voice](rng, max(note.seconds, 0.1), sample_rate)
        gain = 0.5 * (note.velocity / 127) ** 1.3
        add_at(out, sound.astype(np.float32), note.start_seconds * sample_rate, gain)
    return out


def _sweep(rng: np.random.Generator, place: np.ndarray, sample_rate: int) -> np.ndarray:
    """(2, n): noise whose band moves with `place`, 0 at the lowest band and 1 at the highest."""
    out = np.zeros((2, len(place)))
    centres = np.linspace(0, 1, len(_BANDS_HZ) - 1)
    for index, centre in enumerate(centres):
        noise = rng.standard_normal((2, len(place)))
        part = band(noise, _BANDS_HZ[index], _BANDS_HZ[index + 1], sample_rate)
        out += part * np.clip(1 - np.abs(place - centre) / 0.4, 0, 1)
    return out


def _riser(rng: np.random.Generator, seconds: float, sample_rate: int) -> np.ndarray:
    share = np.linspace(0, 1, int(seconds * sample_rate))
    hz = 180 * 2 ** (2.5 * share)
    tone = np.sin(2 * np.pi * np.cumsum(hz) / sample_rate) * 0.12
    level = share**1.6 * np.clip((1 - share) * seconds / 0.01, 0, 1)
    return (_sweep(rng, share, sample_rate) + tone) * level


def _downlifter(rng: np.random.Generator, seconds: float, sample_rate: int) -> np.ndarray:
    share = np.linspace(0, 1, int(seconds * sample_rate))
    level = (1 - share) ** 2 * np.clip(share * seconds / 0.005, 0, 1)
    return _sweep(rng, 1 - share, sample_rate) * level


def _impact(rng: np.random.Generator, seconds: float, sample_rate: int) -> np.ndarray:
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    base = rng.uniform(34, 46)
    boom = np.sin(2 * np.pi * (base * time + 1.6 * (1 - np.exp(-time / 0.03))))
    boom *= np.exp(-time / (0.22 * seconds))
    wash = band(rng.standard_normal((2, len(time))), 200, 5000, sample_rate)
    wash *= np.exp(-time / (0.1 * seconds))
    fade = np.clip((time[-1] - time) / 0.05, 0, 1)
    return (1.1 * boom + 0.6 * wash) * fade * np.minimum(time / 0.002, 1)


_MAKERS: dict[str, Callable[[np.random.Generator, float, int], np.ndarray]] = {
    "riser": _riser,
    "impact": _impact,
    "downlifter": _downlifter,
}
