"""The bass: a rhythm per piece, the chords' roots, and a step towards the next one."""

import numpy as np

from longform.music.theory import QUALITIES, Chord
from longform.train.songbook.manner import Manner
from longform.train.songbook.patterns_pitched import BASS
from longform.train.songbook.score import Track
from longform.train.songbook.stage import STEPS, Span, Stage, events

_LOWEST = 28  # E1


def play_bass(stage: Stage, manner: Manner, span: Span, track: Track) -> None:
    """Play one section; calm sections take long notes."""
    kind = manner.bass[stage.rng("bass kind").integers(len(manner.bass))]
    rng = stage.section_rng("bass", span)
    velocity = 70 + 34 * span.section.energy
    if kind == "walk" and span.level > 0.1:
        _walk(stage, span, track, velocity)
        return
    if kind == "walk" or (span.level < 0.22 and span.name in ("intro", "break", "outro")):
        kind = "halves" if kind == "walk" else "whole"
    choices = stage.rhythms("bass", BASS, kind)
    first, second = (choices[i] for i in rng.integers(len(choices), size=2))
    for bar in span.played_bars:
        turn = (bar - span.section.start_bar) % 4 == 3
        _pattern_bar(stage, track, bar, second if turn else first, velocity, rng)


def _pattern_bar(
    stage: Stage, track: Track, bar: int, pattern: str, velocity: float, rng: np.random.Generator
) -> None:
    starts = {int(beat * STEPS) for beat, _, _ in stage.chord_spans(bar)}
    for step, length, symbol in events(pattern):
        inside = [start for start in starts if step < start < step + length]
        pieces = [(step, min(inside) - step)] if inside else [(step, length)]
        if inside:
            pieces.append((min(inside), step + length - min(inside)))
        for at, steps in pieces:
            chord = stage.chord(bar, at / STEPS)
            following = stage.chord(bar, (at + steps) / STEPS)
            pitch = bass_pitch(chord, following, symbol)
            accent = 1.06 if at % (2 * STEPS) == 0 else 0.94
            duration = steps / STEPS - 0.04 if steps > 1 else 0.21
            stage.add(
                track, bar, at / STEPS, duration, pitch, velocity * accent * rng.uniform(0.94, 1.04)
            )


def root_pitch(pitch_class: int) -> int:
    """The bass note of a pitch class in E1..D#2."""
    return _LOWEST + (pitch_class - _LOWEST) % 12


def bass_pitch(chord: Chord, following: Chord, symbol: str) -> int:
    """The note that a symbol of a bass pattern means over a chord."""
    low = root_pitch(chord.bass)
    intervals = QUALITIES[chord.quality]
    if symbol in "ro":
        return low + 12 * (symbol == "o")
    if symbol == "n":
        return root_pitch(following.bass)
    if symbol == "a":
        target = root_pitch(following.bass)
        return target - 1 if target > low else target + 1
    wanted = {"f": (6, 8, 7), "t": (3, 4, 5), "s": (9, 11, 12)}[symbol]
    found = [step for step in intervals if wanted[0] <= step <= wanted[1]]
    step = found[0] if found else wanted[2]
    return low + (chord.root - chord.bass) % 12 + step - (12 if chord.root != chord.bass else 0)


def _walk(stage: Stage, span: Span, track: Track, velocity: float) -> None:
    """Quarter notes: roots on the chords, chord tones between, a half step into the next root."""
    rng = stage.rng("walk", span.section.start_bar)
    last = root_pitch(stage.chord(span.section.start_bar).bass)
    for bar in span.played_bars:
        for beat, beats, chord in stage.chord_spans(bar):
            following = stage.chord(bar, beat + beats)
            tones = [chord.root, *chord.pitch_classes[1:4]]
            for index in range(int(beats)):
                if index == 0:
                    pitch = _near(last, chord.bass)
                elif index == beats - 1:
                    target = _near(last, following.bass)
                    pitch = target + (1 if last > target else -1)
                else:
                    pitch = _near(
                        last + int(rng.choice([-3, 3, 4])), int(tones[rng.integers(len(tones))])
                    )
                push = 1.04 if (int(beat) + index) % 2 else 0.96
                stage.add(track, bar, beat + index, 0.9, pitch, velocity * push)
                last = pitch
                if rng.random() < 0.08 * (1 + span.level):
                    stage.add(track, bar, beat + index + 0.5, 0.35, pitch, velocity * 0.75)


def _near(pitch: int, pitch_class: int) -> int:
    """The nearest note of a pitch class, kept between E1 and G#2."""
    found = pitch + (pitch_class - pitch + 6) % 12 - 6
    while found < _LOWEST:
        found += 12
    while found > _LOWEST + 21:
        found -= 12
    return found


def end_bass(stage: Stage, span: Span, track: Track) -> None:
    """The root under the final chord."""
    bar = stage.plan.bars - 1
    stage.add(
        track,
        bar,
        0.0,
        stage.plan.metre,
        root_pitch(stage.chord(bar).bass),
        70 + 30 * span.section.energy,
    )
