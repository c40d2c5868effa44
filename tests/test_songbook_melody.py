"""Motifs and what is made of them, phrases that close, hooks that return, answers in the gaps."""

import numpy as np

from longform.music import STYLES, Plan, draw_plan
from longform.train.songbook.compose import compose
from longform.train.songbook.counter import respond
from longform.train.songbook.manners import MANNERS
from longform.train.songbook.melody import Line, Melodist, voice_ends
from longform.train.songbook.motif import (
    Motif,
    answered,
    augmented,
    closed,
    fragmented,
    inverted,
    sequenced,
)
from longform.train.songbook.score import Note, Track
from longform.train.songbook.stage import Span, Stage

MOTIF = Motif(((0, 2), (2, 2), (4, 4), (8, 2), (12, 4)), (0, 1, 2, -1, 1), 1)


def test_motifs_develop() -> None:
    assert inverted(MOTIF).moves == (0, -1, -2, 1, -1)
    assert sequenced(MOTIF, 2).start == 3 and sequenced(MOTIF, 2).moves == MOTIF.moves
    assert answered(MOTIF).moves == (0, 1, 2, 1, -1)
    assert augmented(MOTIF, 16).rhythm == ((0, 4), (4, 4), (8, 8))
    twice = fragmented(MOTIF, 16)
    assert twice.rhythm == ((0, 2), (2, 2), (4, 4), (8, 2), (10, 2), (12, 4))
    assert twice.moves[4:] == MOTIF.moves[1:3]
    ended = closed(MOTIF, 8)
    assert all(step + length <= 8 for step, length in ended.rhythm)
    for made in (inverted(MOTIF), augmented(MOTIF, 16), twice, ended):
        assert len(made.moves) == len(made.rhythm)


def _sung(style: str, seed: int, section: str = "chorus") -> tuple[Plan, Span, list[Note]]:
    """One section's melody, alone, by hands that do not shake."""
    plan = draw_plan(style=style, seconds=150, seed=seed, metre=4)
    stage = Stage(plan, 0.0)
    span = next(span for span in stage.spans if span.name == section and span.section.bars >= 8)
    track = Track("lead", "lead", "synth:lead")
    stage._ends["lead"] = [plan.seconds] * plan.bars
    Melodist(stage, MANNERS[style]).play(span, Line(track, 74, 90.0))
    return plan, span, track.notes


def _bars(plan: Plan, span: Span, notes: list[Note]) -> list[list[tuple[int, int]]]:
    bars: list[list[tuple[int, int]]] = [[] for _ in span.played_bars]
    for note in notes:
        steps = round(note.start_seconds / plan.beat_seconds * 4)
        bar = steps // 16 - span.section.start_bar
        bars[bar].append((steps % 16, note.pitch))
    return bars


CASES = [("pop", 1), ("pop", 2), ("rock", 3), ("chiptune", 4), ("synthwave", 5), ("rock", 6)]


def test_a_chorus_brings_its_motif_back_and_does_not_copy_every_bar() -> None:
    recurring, distinct = [], []
    for style, seed in CASES:
        bars = _bars(*_sung(style, seed))[:8]
        rhythms = [tuple(step for step, _ in bar[:3]) for bar in bars]
        recurring.append(max(rhythms.count(rhythm) for rhythm in rhythms) / len(rhythms))
        distinct.append(len({tuple(bar) for bar in bars}) / len(bars))
    assert np.mean(recurring) >= 0.5
    assert np.mean(distinct) >= 0.5


def test_phrases_breathe_and_close_on_chord_tones() -> None:
    for style, seed in CASES:
        plan, span, notes = _sung(style, seed)
        for bar in (span.section.start_bar + 3, span.section.start_bar + 7):
            begin = bar * plan.bar_seconds
            inside = [
                n for n in notes if begin - 0.02 <= n.start_seconds < begin + plan.bar_seconds
            ]
            rest = begin + voice_ends(4) * plan.beat_seconds
            sung = [note for note in inside if note.start_seconds < rest - 0.05]
            leading = [note for note in inside if note.start_seconds >= rest - 0.05]
            assert len(leading) <= 2  # a pick-up at most
            if not sung:
                continue
            assert sung[-1].end_seconds <= rest + 0.03
            last = sung[-1]
            beat = (last.start_seconds - begin) / plan.beat_seconds
            chord = Stage(plan, 0.0).chord(bar, max(beat + 0.03, 0.0))
            assert last.pitch % 12 in chord.pitch_classes


def test_a_period_peaks_once_before_its_end() -> None:
    for style, seed in CASES:
        plan, span, notes = _sung(style, seed)
        bars = [[pitch for _, pitch in bar] for bar in _bars(plan, span, notes)[:8]]
        highest = max(max(bar, default=0) for bar in bars)
        assert highest > 74
        assert any(highest in bar for bar in bars[5:7])
        assert sum(bar.count(highest) for bar in bars) <= 3


def test_a_second_voice_answers_while_the_first_is_silent() -> None:
    for style, seed in CASES:
        plan, span, notes = _sung(style, seed)
        stage = Stage(plan, 0.0)
        stage._ends["winds"] = [plan.seconds] * plan.bars
        track = Track("flute", "winds", "gm:73")
        respond(stage, Melodist(stage, MANNERS[style]), span, Line(track, 70, 80.0))
        assert track.notes
        for note in track.notes:
            bar = int((note.start_seconds + 0.02) / plan.bar_seconds)
            beat = note.start_seconds / plan.beat_seconds - bar * 4
            assert (bar - span.section.start_bar) % 4 == 3 or bar == span.played_bars[-1]
            assert beat >= voice_ends(4) - 0.05
        calls = {round(n.start_seconds / plan.beat_seconds * 4) for n in notes}
        answers = {round(n.start_seconds / plan.beat_seconds * 4) for n in track.notes}
        assert len(answers - calls) >= len(answers) / 2


def test_melodies_sing_in_steps_and_with_rests() -> None:
    steps = leaps = total = 0
    for index, style in enumerate(sorted(STYLES)):
        score = compose(draw_plan(style=style, seconds=60, seed=index))
        for track in score.tracks:
            if track.family != "lead" or MANNERS[style].electronic:
                continue
            pitches = [note.pitch for note in track.notes]
            moves = np.abs(np.diff(pitches))
            steps += int((moves <= 2).sum())
            leaps += int((moves > 9).sum())
            total += len(moves)
    assert total > 100
    assert steps / total > 0.4 and leaps / total < 0.1
