"""Melodies: phrases of question and answer, made of motifs that develop, peak once and return."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longform.train.songbook.manner import Manner
from longform.train.songbook.motif import (
    Motif,
    answered,
    augmented,
    closed,
    draw_motif,
    fragmented,
    inverted,
    local_scale,
    nearest,
    sequenced,
    stepped,
)
from longform.train.songbook.patterns_pitched import MELODY
from longform.train.songbook.score import Track
from longform.train.songbook.stage import STEPS, Span, Stage

CENTRES = {"lead": 74, "winds": 70, "strings": 72, "keys": 74, "guitar": 66}
PERIOD_BARS = 8
_CALM_RHYTHM = "slow"
_RANGE = (-9, 8)  # semitones around the centre; only the climax goes beyond
_CLIMAX = 10
# What the eight bars of a period are, in words of `_bar_motif`; "?" and "!" close a phrase.
_PERIODS = (
    "a b a a? a b up a!",
    "a seq frag a? a seq up b!",
    "a ans a b? inv seq up a!",
    "a a b a? a ans up b!",
    "a aug b a? a seq up frag!",
    "a frag b ans? inv frag up a!",
)
_HOOKS = ("a ans a b? a ans up b!", "a a frag a? a a up b!", "a seq a b? a seq up a!")


@dataclass(frozen=True)
class Line:
    """Who sings: a track, its middle pitch, how loud, and whether in thirds."""

    track: Track
    centre: int
    velocity: float
    thirds: bool = False


class Melodist:
    """Invents the melody of each kind of section once and repeats it when the section returns."""

    def __init__(self, stage: Stage, manner: Manner) -> None:
        self.stage = stage
        rng = stage.rng("melody")
        names = manner.melody
        self._feel = names[rng.integers(len(names))]
        self._answer_feel = names[rng.integers(len(names))]
        self._rest = float(rng.uniform(0.0, 0.3))
        self._hook = self._motif(stage.rng("hook"), self._feel)
        self._pick_up = rng.random() < 0.5

    def play(self, span: Span, line: Line) -> None:
        """Sing the section's melody; its first bars are the same whenever the section returns."""
        first, second, words = self._material(span)
        fresh = self.stage.rng("melody turn", span.section.start_bar)
        pitch = line.centre
        for bar in span.played_bars:
            word = words[(bar - span.section.start_bar) % PERIOD_BARS]
            closing = word[-1] if word[-1] in "?!" else ""
            if bar == span.played_bars[-1]:
                closing = "!"
            calm = closing and span.level < 0.6 and bar != span.played_bars[0]
            if calm and fresh.random() < self._rest:
                continue
            motif = self._bar_motif(word.rstrip("?!"), first, second)
            if closing:
                motif = closed(motif, STEPS * voice_ends(self.stage.plan.metre))
            peak = word == "up" and span.level > 0.3
            pitch = self._sing(bar, motif, line, pitch, closing, peak)
            if closing and self._pick_up and bar + 1 in span.played_bars:
                self._lead_in(bar, line, pitch)

    def end(self, span: Span, line: Line) -> None:
        """The last note: a tone of the final chord."""
        bar = self.stage.plan.bars - 1
        chord = self.stage.chord(bar)
        pitch = nearest(line.centre, (chord.root, chord.pitch_classes[1]))
        loud = 56 + 34 * span.section.energy
        self.stage.add(line.track, bar, 0.0, self.stage.plan.metre, pitch, loud)

    def head(self, span: Span) -> Motif:
        """The motif that a section's melody begins with."""
        return self._material(span)[0]

    def _material(self, span: Span) -> tuple[Motif, Motif, Sequence[str]]:
        """Main motif, contrasting motif and period of a section. Verses grow out of the hook."""
        rng = self.stage.section_rng("motif", span)
        feel = _CALM_RHYTHM if span.level < 0.18 else self._feel
        other = self._answer_feel if span.name in ("chorus", "solo", "bridge") else feel
        steps = self.stage.plan.metre * STEPS
        drawn = self._motif(rng, feel)
        related = (inverted, answered, lambda motif: augmented(motif, steps))
        grown = related[rng.integers(3)](self._hook)
        first = drawn if feel != self._feel or rng.random() < 0.5 else grown
        if span.name == "chorus" and feel == self._feel:
            first = self._hook
        second = self._motif(rng, other)
        periods = _HOOKS if span.name == "chorus" else _PERIODS
        return first, second, periods[rng.integers(len(periods))].split()

    def _motif(self, rng: np.random.Generator, feel: str) -> Motif:
        choices = self.stage.rhythms("melody", MELODY, feel)
        return draw_motif(rng, choices[rng.integers(len(choices))])

    def _bar_motif(self, word: str, first: Motif, second: Motif) -> Motif:
        steps = self.stage.plan.metre * STEPS
        made = {
            "a": lambda: first,
            "b": lambda: second,
            "seq": lambda: sequenced(first, 2),
            "up": lambda: sequenced(first, 4),
            "ans": lambda: answered(first),
            "inv": lambda: inverted(first),
            "frag": lambda: fragmented(first, steps),
            "aug": lambda: augmented(first, steps),
        }
        return made[word]()

    def _sing(
        self, bar: int, motif: Motif, line: Line, pitch: int, closing: str, peak: bool
    ) -> int:
        """One bar, and the pitch that it ends on."""
        metre = self.stage.plan.metre
        last = len(motif.rhythm) - 1
        summit = max(range(last + 1), key=lambda index: motif.rhythm[index][1]) if peak else -1
        for index, (step, length) in enumerate(motif.rhythm):
            chord = self.stage.chord(bar, step / STEPS)
            if index == 0:
                pitch = round((pitch + line.centre + motif.start) / 2)
            else:
                pitch = _within(pitch, motif.moves[index], line, local_scale(self.stage, chord))
            strong = step % (2 * STEPS) == 0 or length >= STEPS
            tones = chord.pitch_classes
            if index == summit:
                pitch = nearest(line.centre + _CLIMAX, tones)
            elif index == last and closing:
                goals = (chord.root, tones[1]) if closing == "!" else tones[1:]
                pitch = _settled(pitch, goals, line)
            elif index == 0 or strong or index == last:
                pitch = _settled(pitch, tones, line)
            beats = min(length / STEPS, metre - step / STEPS) - 0.04
            accent = 1.06 if step % STEPS == 0 else 0.95
            loud = line.velocity * (accent + 0.06 * (index == summit))
            self.stage.add(line.track, bar, step / STEPS, beats, pitch, loud)
            if line.thirds and strong:
                below = nearest(pitch - 4, [tone for tone in tones if tone != pitch % 12])
                self.stage.add(line.track, bar, step / STEPS, beats, below, loud * 0.8)
        return pitch

    def _lead_in(self, bar: int, line: Line, pitch: int) -> None:
        """Two short notes that walk up to the next phrase."""
        metre = self.stage.plan.metre
        scale = local_scale(self.stage, self.stage.chord(bar, metre - 1))
        goal = nearest((pitch + line.centre) // 2, self.stage.chord(bar + 1).pitch_classes)
        for index, steps in enumerate((-2, -1)):
            beat = metre - 1 + index / 2
            leading = stepped(goal, steps, scale)
            self.stage.add(line.track, bar, beat, 0.46, leading, 0.88 * line.velocity)


def voice_ends(metre: int) -> int:
    """The beat of a phrase's last bar on which its voice falls silent: another may answer."""
    return max(metre - 2, 1) if metre > 3 else max(metre - 1, 1)


def _within(pitch: int, steps: int, line: Line, scale: list[int]) -> int:
    """A move through the scale that turns back at the ends of the range."""
    low, high = line.centre + _RANGE[0], line.centre + _RANGE[1]
    moved = stepped(pitch, steps, scale)
    if not low <= moved <= high:
        moved = stepped(pitch, -steps, scale)
    return moved


def _settled(pitch: int, tones: tuple[int, ...], line: Line) -> int:
    """The nearest of some pitch classes that does not go beyond the range."""
    found = nearest(pitch, tones)
    high = line.centre + _RANGE[1]
    return found if found <= high else max(high - (high - tone) % 12 for tone in tones)
