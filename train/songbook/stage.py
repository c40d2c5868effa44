"""The stage of a composition: where the beats fall, which chord holds, how loud it is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from longform.music.plan import FAMILIES, SECTIONS, Plan, Section, chord_starts
from longform.music.style import Style
from longform.music.styles import STYLES
from longform.music.theory import Chord
from longform.train.songbook.score import Note, Track

STEPS = 4  # of a beat: patterns are written in sixteenths
# The beats of a 4/4 pattern that stand for the beats of another metre.
_METRE_BEATS = {
    2: (0, 1),
    3: (0, 1, 3),
    4: (0, 1, 2, 3),
    5: (0, 1, 3, 2, 3),
    6: (0, 1, 3, 2, 1, 3),
    7: (0, 1, 2, 3, 0, 1, 3),
}
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

    def __init__(self, plan: Plan, humanise_seconds: float) -> None:
        self.plan = plan
        self.style: Style = STYLES[plan.style]
        self.tracks: dict[str, Track] = {}
        self.spans = self._spans()
        self._humanise_seconds = humanise_seconds
        self._hand = self._hand_noise()
        self._ends = {name: self._active_ends(name) for name in FAMILIES}

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

    def seconds(self, bar: int, beat: float) -> float:
        """The time of a beat, its off-beats swung."""
        unit = 8 / self.style.swing_unit
        whole, part = divmod(beat / unit, 1.0)
        middle = 0.5 + self.plan.swing / 6.0
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
        late_seconds: float = 0.0,
    ) -> None:
        """Write a note; it is cut where its family falls silent and never leaves the piece."""
        jitter, touch = next(self._hand)
        start = max(self.seconds(bar, beat) + jitter + late_seconds, 0.0)
        limit = self._ends[track.family][min(bar, self.plan.bars - 1)]
        end = min(self.seconds(bar, beat + beats) + late_seconds, limit)
        if end - start < 0.02:
            return
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

    def fitted(self, pattern: str) -> str:
        """A 4/4 pattern of sixteenths (16 or 32 steps) rearranged to the plan's metre."""
        bars = []
        for at in range(0, len(pattern), 16):
            beats = [pattern[at + 4 * beat : at + 4 * beat + 4] for beat in range(4)]
            bars.append("".join(beats[beat] for beat in _METRE_BEATS[self.plan.metre]))
        return "".join(bars)

    def bar_steps(self, pattern: str, bar: int) -> str:
        """The steps of a fitted pattern for one bar."""
        length = self.plan.metre * STEPS
        at = bar * length % len(pattern)
        return pattern[at : at + length]

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
