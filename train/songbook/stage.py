"""The stage of a composition: where the beats fall, which chord holds, how loud it is."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from longform.music.plan import FAMILIES, SECTIONS, Plan, Section, chord_starts
from longform.music.style import Style
from longform.music.styles import STYLES
from longform.music.theory import Chord
from longform.train.songbook.feel import (
    EARLIEST_SECONDS,
    FEELS,
    Feel,
    accent,
    late_seconds,
    phrase_shape,
)
from longform.train.songbook.patterns_metres import GROUPS, metre_groove, metre_rhythms
from longform.train.songbook.score import Note, Track

STEPS = 4  # of a beat: patterns are written in sixteenths
_MAX_JITTER_SECONDS = 0.010
_RELEASE_SECONDS = 0.15
_HAND_BLOCK = 1024


@dataclass(frozen=True)
class Span:
    """One section as a player sees it. `level` is its energy within the style's range, 0..1."""

    section: Section
    level: float
    last: bool
    returns: int

    @property
    def name(self) -> str:
        return self.section.name

    @property
    def played_bars(self) -> range:
        """The bars before the final chord."""
        return range(self.section.start_bar, self.section.end_bar - self.last)


class Stage:
    """Collects notes on tracks. Times are bar and beat; swing and humanising happen here."""

    def __init__(self, plan: Plan, humanise_seconds: float, drops: bool = False) -> None:
        self.plan = plan
        self.style: Style = STYLES[plan.style]
        self.feel = FEELS.get(plan.style, Feel())
        self.tracks: dict[str, Track] = {}
        self.spans = self._spans()
        self._humanise_seconds = humanise_seconds
        self._hand = self._hand_noise()
        self._ends = {name: self._active_ends(name) for name in FAMILIES}
        self._shape = self._bar_shapes()
        self.silent_bars = self._silent_bars() if drops else frozenset()

    def rng(self, purpose: str, *more: int) -> np.random.Generator:
        """A generator that depends on the plan's seed and the purpose alone."""
        return np.random.default_rng([abs(self.plan.seed), *purpose.encode(), *more])

    def section_rng(self, purpose: str, span: Span) -> np.random.Generator:
        """The same for every return of a section, so that what is heard comes back."""
        return self.rng(purpose, 1000 + SECTIONS.index(span.name))

    def chord(self, bar: int, beat: float = 0.0) -> Chord:
        """The chord that sounds at a beat; a beat past the bar looks into the next ones."""
        bar = min(bar + int(beat // self.plan.metre), self.plan.bars - 1)
        chords = self.plan.chords[bar]
        starts = chord_starts(self.plan.metre, len(chords))
        within = beat % self.plan.metre
        return [chord for start, chord in zip(starts, chords, strict=True) if start <= within][-1]

    def chord_spans(self, bar: int) -> list[tuple[float, float, Chord]]:
        """(beat, beats, chord) of the chords of a bar."""
        chords = self.plan.chords[bar]
        starts = [*chord_starts(self.plan.metre, len(chords)), self.plan.metre]
        return [
            (float(starts[i]), float(starts[i + 1] - starts[i]), chord)
            for i, chord in enumerate(chords)
        ]

    def seconds(self, bar: int, beat: float, swing: float = 1.0) -> float:
        """The time of a beat, its off-beats swung by a share of the plan's swing."""
        unit = 8 / self.style.swing_unit
        whole, part = divmod(beat / unit, 1.0)
        middle = 0.5 + swing * self.plan.swing / 6.0
        warped = part * middle / 0.5 if part < 0.5 else middle + (part - 0.5) * (1 - middle) / 0.5
        return (bar * self.plan.metre + (whole + warped) * unit) * self.plan.beat_seconds

    def add(
        self,
        track: Track,
        bar: int,
        beat: float,
        beats: float,
        pitch: int,
        velocity: float,
        *,
        later_seconds: float = 0.0,
    ) -> None:
        """Write a note as its family feels it.

        It is cut where its family falls silent and where everybody does, and stays in the piece.
        """
        jitter, touch = next(self._hand)
        family = track.family
        if bar in self.silent_bars and beat > self.plan.metre - 1.01:
            return
        swing = self.feel.swing.get(family, 1.0)
        felt = max(jitter + late_seconds(self.feel, family, pitch), -EARLIEST_SECONDS)
        start = max(self.seconds(bar, beat, swing) + felt + later_seconds, 0.0)
        limit = self._ends[family][min(bar, self.plan.bars - 1)]
        end = min(self.seconds(bar, beat + beats, swing) + later_seconds, limit)
        end = min(end, self._silence_after(bar))
        if end - start < 0.02:
            return
        shape = self._shape[min(bar, self.plan.bars - 1)]
        weight = accent(self.plan.metre, beat % self.plan.metre)
        touch *= shape * (0.5 + 0.5 * weight if family == "drums" else weight)
        note = Note(
            start_seconds=round(start, 4),
            seconds=round(end - start - 5e-5, 4),
            pitch=int(min(max(pitch, 0), 127)),
            velocity=int(min(max(velocity * touch, 1), 127)),
        )
        track.notes.append(note)

    def _hand_noise(self) -> Iterator[tuple[float, float]]:
        """(seconds late, loudness factor) of one note after another."""
        rng = self.rng("hand")
        uneven = 0.05 if self._humanise_seconds else 0.02
        while True:
            late = rng.normal(0.0, self._humanise_seconds, _HAND_BLOCK)
            late = np.clip(late, -_MAX_JITTER_SECONDS, _MAX_JITTER_SECONDS).tolist()
            yield from zip(late, rng.normal(1.0, uneven, _HAND_BLOCK).tolist(), strict=True)

    def rhythms(self, role: str, table: dict[str, tuple[str, ...]], kind: str) -> tuple[str, ...]:
        """The rhythms of a kind: 4/4 ones (of which 2/4 takes the first half), or the metre's."""
        if self.plan.metre in GROUPS:
            return metre_rhythms(role, kind, self.plan.metre)
        return tuple(pattern[: self.plan.metre * STEPS] for pattern in table[kind])

    def groove(self, table: dict[str, dict[str, str]], name: str) -> dict[str, str]:
        """The rows of a drum groove in the plan's metre."""
        if self.plan.metre in GROUPS:
            return metre_groove(name, self.plan.metre)
        if self.plan.metre == 2:
            return {row: pattern[:8] for row, pattern in table[name].items()}
        return table[name]

    def bar_steps(self, pattern: str, bar: int) -> str:
        """The steps of a pattern of one or two bars for one bar."""
        length = self.plan.metre * STEPS
        at = bar * length % len(pattern)
        return pattern[at : at + length]

    def _bar_shapes(self) -> list[float]:
        """How loud each bar is within its section."""
        sections = self.plan.sections
        return [
            phrase_shape(self.feel, section, bar, following)
            for section, following in zip(sections, [*sections[1:], None], strict=True)
            for bar in range(section.start_bar, section.end_bar)
        ]

    def _silent_bars(self) -> frozenset[int]:
        """Bars whose last beat is silent: everybody stops before a chorus drops."""
        rng = self.rng("drops")
        if rng.random() > 0.7:
            return frozenset()
        found = []
        for before, after in pairwise(self.plan.sections):
            if after.name == "chorus" and before.name != "chorus" and before.bars >= 2:
                found.append(before.end_bar - 1)
        return frozenset(found)

    def _silence_after(self, bar: int) -> float:
        """When the next beat of silence begins, seen from a bar."""
        coming = [silent for silent in self.silent_bars if silent >= bar]
        return self.seconds(min(coming), self.plan.metre - 1) if coming else math.inf

    def _spans(self) -> list[Span]:
        low, high = self.style.energy
        spans, seen = [], {}
        for section in self.plan.sections:
            level = float(np.clip((section.energy - low) / (high - low), 0.0, 1.0))
            last = section is self.plan.sections[-1]
            spans.append(Span(section, level, last, seen.get(section.name, 0)))
            seen[section.name] = seen.get(section.name, 0) + 1
        return spans

    def _active_ends(self, family: str) -> list[float]:
        """Per bar: when a note of the family that starts there must have ended."""
        ends = [0.0] * self.plan.bars
        limit = 0.0
        for section in reversed(self.plan.sections):
            if family not in section.families:
                limit = section.start_bar * self.plan.bar_seconds
                continue
            if section is self.plan.sections[-1]:
                limit = min(self.plan.end_seconds + _RELEASE_SECONDS, self.plan.seconds)
            ends[section.start_bar : section.end_bar] = [limit] * section.bars
        return ends


def events(steps: str) -> list[tuple[int, int, str]]:
    """(step, length, symbol) of a pattern: "-" prolongs, "." rests, anything else starts a note."""
    found: list[tuple[int, int, str]] = []
    for step, symbol in enumerate(steps):
        if symbol == "-" and found and found[-1][0] + found[-1][1] == step:
            at, length, what = found[-1]
            found[-1] = (at, length + 1, what)
        elif symbol not in ".-":
            found.append((step, 1, symbol))
    return found
