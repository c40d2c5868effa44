"""A recording as a guide: what a model that reads one is led by to keep what it hears."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from longform.engine import Guide
from longform.jobs.checks import HEARD
from longform.listen.beat import Beat, hear_beat
from longform.listen.chords import hear_triads
from longform.listen.describe import RATE_HZ, Curves, smoothed
from longform.listen.key import hear_key, is_tonal
from longform.music.guide import GUIDE_CHANNELS, GUIDE_FEATURES
from longform.music.prompt import read_prompt
from longform.request import Request

_ENERGY_DB = (-36.0, -10.0)  # levels of the mono mix that count as energy 0 and 1
_ENERGY_SECONDS = 2.0
_PERIOD_BEATS = 32


@dataclass(frozen=True, eq=False)
class Heard:
    """What leads along a recording; `beat` is None where none is clear."""

    beat: Beat | None
    chords: np.ndarray
    bass: np.ndarray
    energy: np.ndarray

    @property
    def is_tonal(self) -> bool:
        """Whether most of it has a clear triad; drums and noises have none."""
        return is_tonal(self.chords)

    @property
    def seconds(self) -> float:
        return (len(self.energy) - 1) / RATE_HZ

    @property
    def period_seconds(self) -> float:
        """Eight bars of four beats, or as many whole beats as the recording has."""
        beat = 60 / self.beat.bpm if self.beat else 0.5
        return min(_PERIOD_BEATS, max(int(self.seconds / beat), 1)) * beat

    def folded(self, times_seconds: np.ndarray) -> np.ndarray:
        """Times brought into the recording by whole periods."""
        period = self.period_seconds
        early = np.ceil(np.maximum(-times_seconds, 0) / period)
        late = np.ceil(np.maximum(times_seconds - self.seconds, 0) / period)
        return times_seconds + (early - late) * period


def as_heard(request: Request, curves: Curves) -> tuple[Request, frozenset[str]]:
    """The request with the tempo and the key of a recording, where it names none itself.

    Returns:
        The request, and which of "beat", "chord", "bass" and "energy" the recording may lead: all
        that were not asked otherwise.
    """
    own, found, leads = read_prompt(request.prompt), dict[str, Any](), set(HEARD)
    if request.bpm or own.bpm:
        leads -= {"beat"}
    elif beat := hear_beat(curves.onset):
        found["bpm"] = round(beat.bpm, 2)
    if request.key or own.key:
        leads -= {"chord", "bass"}
    elif key := hear_key(curves):
        found["key"] = str(key)
    return request if request.free else replace(request, **found), frozenset(leads)


def hear(curves: Curves) -> Heard:
    """Beat, triads, bass notes and energy of a recording."""
    chords, bass = hear_triads(curves)
    low, high = _ENERGY_DB
    level = smoothed(np.maximum(curves.loudness_db, -60.0), _ENERGY_SECONDS)
    energy = np.clip((level - low) / (high - low), 0.05, 1.0)
    return Heard(beat=hear_beat(curves.onset), chords=chords, bass=bass, energy=energy)


def led(
    base: Guide | None,
    heard: Heard,
    features: frozenset[str],
    frames: int,
    rate_hz: float,
    start_seconds: float = 0.0,
) -> Guide:
    """A guide of `frames` frames from `start_seconds` of the recording, with `features` as heard.

    Of "beat", "chord", "bass" and "energy" those in `features` come from the recording, as far as
    it has a beat and clear chords; the rest is that of `base`, without what contradicts a heard
    beat: bars and phrases, whose first beat is not known. Before its start and beyond its end the
    recording is taken to repeat, in periods of `Heard.period_seconds`, so that a piece can go on in
    the same harmony.
    """
    lines = np.zeros((frames, GUIDE_CHANNELS), np.float32)
    given = frozenset[str]()
    if base is not None:
        lines[: len(base.lines)] = base.lines[:frames]
        given = base.given
    times = start_seconds + (np.arange(frames) + 0.5) / rate_hz
    rows = np.rint(heard.folded(times) * RATE_HZ).astype(int).clip(0, len(heard.energy) - 1)
    tempo = None if base is None else base.tempo_bpm
    if "beat" in features:
        given -= {"beat", "bar", "phrase"}
        if heard.beat is not None:
            angle = 2 * np.pi * heard.beat.phase(times)
            lines[:, GUIDE_FEATURES["beat"]] = np.stack([np.sin(angle), np.cos(angle)], axis=1)
            given |= {"beat"}
        tempo = heard.beat.bpm if heard.beat else None
    for name, curve in (("chord", heard.chords), ("bass", heard.bass)):
        if name in features and heard.is_tonal:
            lines[:, GUIDE_FEATURES[name]] = curve[rows]
            given |= {name}
    if "energy" in features:
        lines[:, GUIDE_FEATURES["energy"]] = heard.energy[rows, None]
        given |= {"energy"}
    lines[:, GUIDE_FEATURES["music"]] = 1.0
    return Guide(lines=lines, given=given | {"music"}, tempo_bpm=tempo)
