"""Melodies: motifs that are stated, answered, developed and brought back (phrases a a' b a')."""

from dataclasses import dataclass

import numpy as np

from longform.music.theory import Chord
from longform.train.songbook.manner import Manner
from longform.train.songbook.patterns_pitched import MELODY
from longform.train.songbook.score import Track
from longform.train.songbook.stage import STEPS, Span, Stage, events

CENTRES = {"lead": 74, "winds": 70, "strings": 72, "keys": 74, "guitar": 66}
_CALM_RHYTHM = "slow"


@dataclass(frozen=True)
class Motif:
    """One bar: (step, length) of its notes and the scale steps between them."""

    rhythm: tuple[tuple[int, int], ...]
    moves: tuple[int, ...]
    start: int


class Melodist:
    """Invents the melody of each kind of section once and repeats it when the section returns."""

    def __init__(self, stage: Stage, manner: Manner) -> None:
        self.stage = stage
        rng = stage.rng("melody")
        names = manner.melody
        self._feel = names[rng.integers(len(names))]
        self._answer_feel = names[rng.integers(len(names))]
        self._rest = float(rng.uniform(0.0, 0.3))

    def play(
        self, span: Span, track: Track, centre: int, velocity: float, thirds: bool = False
    ) -> None:
        """Play the section's melody around a centre pitch; `thirds` adds a voice below."""
        first, second, third = self._motifs(span)
        fresh = self.stage.rng("melody turn", span.section.start_bar)
        pitch = centre
        for bar in span.played_bars:
            place = (bar - span.section.start_bar) % 8
            motif = {
                0: first,
                1: second,
                2: first,
                3: third,
                4: first,
                5: second,
                6: third,
                7: second,
            }[place]
            closing = place in (3, 7) or bar == span.played_bars[-1]
            if (
                closing
                and span.level < 0.6
                and fresh.random() < self._rest
                and bar != span.played_bars[0]
            ):
                continue
            pitch = self._sing(bar, motif, track, pitch, centre, velocity, closing, thirds)

    def end(self, span: Span, track: Track, centre: int) -> None:
        """The last note: a tone of the final chord."""
        bar = self.stage.plan.bars - 1
        chord = self.stage.chord(bar)
        pitch = nearest(centre, (chord.root, chord.pitch_classes[1]))
        self.stage.add(track, bar, 0.0, self.stage.plan.metre, pitch, 56 + 34 * span.section.energy)

    def _motifs(self, span: Span) -> tuple[Motif, Motif, Motif]:
        rng = self.stage.section_rng("motif", span)
        feel = _CALM_RHYTHM if span.level < 0.18 else self._feel
        answer = self._answer_feel if span.name in ("chorus", "solo", "bridge") else feel
        first = self._motif(rng, feel)
        second = Motif(
            rhythm=first.rhythm, moves=self._moves(rng, len(first.rhythm)), start=first.start
        )
        return (
            first,
            second if rng.random() < 0.5 else self._motif(rng, feel),
            self._motif(rng, answer),
        )

    def _motif(self, rng: np.random.Generator, feel: str) -> Motif:
        choices = MELODY[feel]
        pattern = self.stage.fitted(choices[rng.integers(len(choices))])
        rhythm = tuple((step, length) for step, length, _ in events(pattern))
        return Motif(
            rhythm=rhythm, moves=self._moves(rng, len(rhythm)), start=int(rng.integers(-2, 5))
        )

    @staticmethod
    def _moves(rng: np.random.Generator, count: int) -> tuple[int, ...]:
        """Mostly steps, a leap at times, which is then answered by a step back."""
        moves = [0]
        direction = 1 if rng.random() < 0.6 else -1
        for _ in range(count - 1):
            if abs(moves[-1]) > 2:
                moves.append(-1 if moves[-1] > 0 else 1)
                continue
            if rng.random() < 0.3:
                direction = -direction
            moves.append(
                direction
                * int(
                    rng.choice(
                        [0, 1, 1, 1, 2, 2, 3, 4], p=[0.12, 0.22, 0.2, 0.16, 0.12, 0.08, 0.06, 0.04]
                    )
                )
            )
        return tuple(moves)

    def _sing(
        self,
        bar: int,
        motif: Motif,
        track: Track,
        pitch: int,
        centre: int,
        velocity: float,
        closing: bool,
        thirds: bool,
    ) -> int:
        notes = motif.rhythm[: max(len(motif.rhythm) // 2, 1)] if closing else motif.rhythm
        for index, (step, length) in enumerate(notes):
            chord = self.stage.chord(bar, step / STEPS)
            scale = local_scale(self.stage, chord)
            if index == 0:
                pitch = nearest(round((pitch + centre + motif.start) / 2), chord.pitch_classes)
            else:
                pitch = _move(pitch, motif.moves[index], scale)
            strong = step % (2 * STEPS) == 0 or length >= STEPS
            last = index == len(notes) - 1
            if strong or last:
                pitch = nearest(pitch, chord.pitch_classes)
            if abs(pitch - centre) > 11:
                pitch = nearest(pitch - (12 if pitch > centre else -12), chord.pitch_classes)
            beats = length / STEPS + (1.0 if last and closing else 0.0)
            beats = min(beats, self.stage.plan.metre - step / STEPS) - 0.04
            accent = 1.06 if step % STEPS == 0 else 0.95
            self.stage.add(track, bar, step / STEPS, beats, pitch, velocity * accent)
            if thirds and strong:
                below = nearest(
                    pitch - 4, [tone for tone in chord.pitch_classes if tone != pitch % 12]
                )
                self.stage.add(track, bar, step / STEPS, beats, below, velocity * 0.8)
        return pitch


def counter_line(stage: Stage, span: Span, track: Track, centre: int, velocity: float) -> None:
    """A slow second line of chord tones that moves by small steps, entering a little late."""
    rng = stage.section_rng("counter", span)
    late = float(rng.choice([0.0, 0.5, 1.0]))
    pitch = centre - 5
    for bar in span.played_bars:
        for beat, beats, chord in stage.chord_spans(bar):
            at = beat + (late if beats > late + 0.5 else 0.0)
            target = nearest(pitch + int(rng.integers(-3, 4)), chord.pitch_classes)
            pitch = (
                target if abs(target - centre) < 10 else nearest(centre - 5, chord.pitch_classes)
            )
            length = beat + beats - at
            if length >= 3 and span.level > 0.5 and rng.random() < 0.6:
                stage.add(track, bar, at, length - 1.04, pitch, velocity)
                passing = _move(pitch, int(rng.choice([-1, 1])), local_scale(stage, chord))
                stage.add(track, bar, at + length - 1, 0.96, passing, velocity * 0.95)
            else:
                stage.add(track, bar, at, length - 0.04, pitch, velocity)


def local_scale(stage: Stage, chord: Chord) -> list[int]:
    """The key's scale, bent where the chord leaves it."""
    scale = set(stage.plan.key.scale)
    for tone in chord.pitch_classes:
        if tone not in scale:
            scale -= {(tone - 1) % 12, (tone + 1) % 12} - set(chord.pitch_classes)
            scale.add(tone)
    return sorted(scale)


def nearest(pitch: int, pitch_classes: tuple[int, ...] | list[int]) -> int:
    """The nearest pitch that belongs to the pitch classes."""
    return min(
        (pitch + (tone - pitch + 6) % 12 - 6 for tone in pitch_classes),
        key=lambda found: abs(found - pitch),
    )


def _move(pitch: int, steps: int, scale: list[int]) -> int:
    direction = 1 if steps > 0 else -1
    for _ in range(abs(steps)):
        pitch += direction
        while pitch % 12 not in scale:
            pitch += direction
    return nearest(pitch, scale)
