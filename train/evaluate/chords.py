"""Are the chords of the guide heard? Bar by bar, against a plan or what a delivered file tells.

A bar's triad is the likeliest of 24 by the templates of `longform.train.evaluate.harmony`, whose
weights were fitted on chroma of songbook pieces with known chords.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from longform.errors import UserError
from longform.music.outline import chords_of
from longform.music.plan import Plan, chord_starts
from longform.music.theory import QUALITIES, Chord, Key
from longform.train.evaluate.harmony import FRAME_RATE_HZ, TRIADS, Harmony, triad_shares

Bar = tuple[Chord, ...]


@dataclass(frozen=True, kw_only=True)
class ChordPlan:
    """One or two chords per bar from the start of a piece; `key` decides chords without a third."""

    bars: tuple[Bar, ...]
    tempo_bpm: float
    metre: int
    key: Key

    @classmethod
    def of_plan(cls, plan: Plan) -> "ChordPlan":
        """The chords of a plan."""
        return cls(bars=plan.chords, tempo_bpm=plan.tempo_bpm, metre=plan.metre, key=plan.key)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "ChordPlan | None":
        """The chords in the facts of a delivered file; None where they do not tell any."""
        try:
            return cls(
                bars=tuple(chords_of(bar) for bar in facts["chords"]),
                tempo_bpm=float(facts["tempo_bpm"]),
                metre=int(facts["metre"]),
                key=Key.parse(facts["key"]),
            )
        except (KeyError, TypeError, ValueError, UserError):
            return None

    @property
    def bar_seconds(self) -> float:
        return self.metre * 60 / self.tempo_bpm


@dataclass(frozen=True, kw_only=True)
class ChordsHeard:
    """In how many of `bars` the planned chords were heard.

    `chance` is how many would be, on average, had each bar the chords of another bar of the piece.
    """

    bars: int
    heard: int
    chance: float


def hear_chords(harmony: Harmony, plan: ChordPlan, start_seconds: float = 0.0) -> ChordsHeard:
    """Compare what sounds, from `start_seconds` of the piece on, with its plan.

    A bar is heard when, over the time of each of its chords, the likeliest triad has no note that
    the chord lacks: Am7 may be heard as A minor or as C. Bars that lie partly outside do not count.
    """
    frames = len(harmony.treble) if harmony.sounds else 0
    edges = np.arange(len(plan.bars) + 1) * plan.bar_seconds - start_seconds
    first, last = np.ceil(edges[:-1] * FRAME_RATE_HZ - 1e-6), np.floor(edges[1:] * FRAME_RATE_HZ)
    inside = np.flatnonzero((first >= 0) & (last <= frames) & (last > first))
    if not len(inside):
        return ChordsHeard(bars=0, heard=0, chance=0.0)
    shares = triad_shares(harmony)
    hits = np.zeros((len(inside), len(inside)), dtype=bool)
    for row, bar in enumerate(inside):
        heard = _heard_triads(shares[int(first[bar]) : int(last[bar])], plan.metre)
        for column, other in enumerate(inside):
            hits[row, column] = _agrees(heard, plan.bars[other], plan.key)
    count, own = len(inside), int(hits.trace())
    strangers = (hits.sum() - own) / max(count - 1, 1)
    return ChordsHeard(bars=count, heard=own, chance=round(float(strangers), 3))


def triad_of(chord: Chord, key: Key) -> int:
    """Major 0..11 or minor 12..23 by root; a chord without a third takes the key's."""
    intervals = QUALITIES[chord.quality]
    if 3 in intervals or 4 in intervals:
        minor = 4 not in intervals
    else:
        minor = (chord.root + 4) % 12 not in key.scale
    return chord.root + 12 * minor


@cache
def triads_in(chord: Chord, key: Key) -> frozenset[int]:
    """The triads that are made of a chord's notes, its own (`triad_of`) at any rate."""
    notes = set(chord.pitch_classes)
    inside = {
        triad
        for triad in range(TRIADS)
        if {(triad + step) % 12 for step in QUALITIES["m" if triad >= 12 else ""]} <= notes
    }
    return frozenset(inside | {triad_of(chord, key)})


def plan_path(plan: Plan, start_seconds: float, frames: int) -> np.ndarray:
    """The triad that the plan asks for in each frame; -1 after its end."""
    path = np.full(frames, -1)
    for frame in range(frames):
        beat = (start_seconds + frame / FRAME_RATE_HZ) / plan.beat_seconds
        bar = int(beat // plan.metre)
        if bar < plan.bars:
            chords = plan.chords[bar]
            starts = np.array(chord_starts(plan.metre, len(chords)))
            playing = int((starts <= beat - bar * plan.metre).sum()) - 1
            path[frame] = triad_of(chords[playing], plan.key)
    return path


def _heard_triads(shares: np.ndarray, metre: int) -> dict[int, tuple[int, ...]]:
    """The likeliest triad of each part of a bar, for bars of one chord and of two."""
    found = {}
    for count in (1, 2):
        starts = [round(len(shares) * beat / metre) for beat in chord_starts(metre, count)]
        parts = [part for part in np.split(shares, starts[1:]) if len(part)]
        found[count] = tuple(int(part.mean(0).argmax()) for part in parts)
    return found


def _agrees(heard: dict[int, tuple[int, ...]], bar: Bar, key: Key) -> bool:
    triads = heard[len(bar)]
    return len(triads) == len(bar) and all(
        triad in triads_in(chord, key) for triad, chord in zip(triads, bar, strict=True)
    )
