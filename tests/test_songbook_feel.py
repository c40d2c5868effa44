"""Feel and form: microtiming per style, metres of their own, fills, drops, swells."""

import itertools

import numpy as np
import pytest

from longform.music import STYLES, draw_plan
from longform.music.plan import Plan
from longform.train.songbook.compose import compose
from longform.train.songbook.feel import EARLIEST_SECONDS, FEELS, accent, late_seconds
from longform.train.songbook.fills import FILLS, fill_beats, fill_strokes
from longform.train.songbook.manners import MANNERS
from longform.train.songbook.patterns_drums import DRUMS, GROOVES
from longform.train.songbook.patterns_metres import (
    CLASSES,
    DRUM_CELLS,
    GROUPS,
    metre_groove,
    metre_rhythms,
)
from longform.train.songbook.patterns_pitched import BASS, COMP, MELODY
from longform.train.songbook.score import Score
from longform.train.songbook.stage import Stage


def _offsets_ms(style: str, pitches: tuple[int, ...], seeds: range) -> float:
    """Mean time of drum strokes after the beat."""
    late = []
    for seed in seeds:
        plan = draw_plan(style=style, seconds=60, seed=seed, metre=4)
        for track in compose(plan).tracks:
            if track.voice.startswith(("gm:drums", "synth:drums")):
                beats = np.array(
                    [n.start_seconds / plan.beat_seconds for n in track.notes if n.pitch in pitches]
                )
                away = beats - np.round(beats)
                late += list(away[np.abs(away) < 0.08] * plan.beat_seconds * 1000)
    return float(np.mean(late))


def test_snares_lie_back_in_some_styles_and_push_in_others() -> None:
    snare, kick = (38, 37), (36,)
    lofi = _offsets_ms("lo-fi hip hop", snare, range(4))
    assert 10 < lofi < 26
    assert abs(_offsets_ms("lo-fi hip hop", kick, range(4))) < 4
    assert -9 < _offsets_ms("drum and bass", snare, range(4)) < -1
    assert abs(_offsets_ms("techno", (42, 46), range(4))) < 4


def test_feel_covers_the_styles_and_never_rushes_past_a_bar() -> None:
    assert set(FEELS) == set(STYLES)
    for style, seed in (("metal", 1), ("country", 2), ("funk", 3)):
        plan = draw_plan(style=style, seconds=30, seed=seed)
        for track in compose(plan).tracks:
            for note in track.notes:
                early = -(note.start_seconds / plan.bar_seconds - 1e-9) % 1.0 * plan.bar_seconds
                assert early <= EARLIEST_SECONDS + 1e-3 or early > 0.02
    assert late_seconds(FEELS["hip hop"], "drums", 36) == 0.0
    for metre in (2, 3, 4, 5, 6, 7):
        assert accent(metre, 0.0) == max(accent(metre, beat / 2) for beat in range(2 * metre))


def test_every_rhythm_has_a_form_in_every_metre() -> None:
    for role, table in (("bass", BASS), ("comp", COMP), ("melody", MELODY)):
        kinds = set(table) | ({"walk"} if role == "bass" else set())
        assert set(CLASSES[role]) >= kinds
        for kind, metre in itertools.product(table, GROUPS):
            bars = metre_rhythms(role, kind, metre)
            assert bars and all(len(bar) == 4 * metre for bar in bars)
            symbols = {"bass": "rofstan-.", "comp": "xXv-.", "melody": "x-."}[role]
            assert all(set(bar) <= set(symbols) for bar in bars)
    for name, metre in itertools.product(GROOVES, GROUPS):
        rows = metre_groove(name, metre)
        assert all(row in DRUMS and len(bar) == 4 * metre for row, bar in rows.items())
        assert any(row in "krjlc" and bar[0] != "." for row, bar in rows.items())
    assert {CLASSES["drums"][name.rstrip("0123456789")] for name in GROOVES} == set(DRUM_CELLS)
    assert all(sum(groups) == metre for metre, groups in GROUPS.items())


def _kick_steps(plan: Plan) -> np.ndarray:
    """How often the kick falls on each sixteenth of the bar, 0..1."""
    counts = np.zeros(4 * plan.metre)
    for track in compose(plan).tracks:
        for note in track.notes:
            if track.family == "drums" and note.pitch == 36:
                counts[round(note.start_seconds / plan.beat_seconds * 4) % len(counts)] += 1
    return counts / plan.bars


@pytest.mark.parametrize(("metre", "groups"), [(5, (0, 3)), (6, (0, 3)), (7, (0, 2, 4))])
def test_kicks_fall_on_the_groups_of_the_metre(metre: int, groups: tuple[int, ...]) -> None:
    strong = weak = 0.0
    for seed in range(4):
        steps = _kick_steps(draw_plan(style="rock", seconds=60, seed=seed, metre=metre))[::4]
        strong += float(np.mean([steps[beat] for beat in groups]))
        weak += float(np.mean([steps[beat] for beat in range(metre) if beat not in groups]))
    assert strong > 2 * weak


def test_fills_grow_with_the_form() -> None:
    for kind, sizes in FILLS.items():
        assert set(sizes) == {1, 2, 4}, kind
        for beats, patterns in sizes.items():
            assert all(len(pattern) == 4 * beats for pattern in patterns), kind
    rng = np.random.default_rng(0)
    plan = draw_plan(style="rock", seconds=120, seed=3)
    span = next(s for s in Stage(plan, 0.0).spans if s.section.bars >= 8 and s.level > 0.5)
    start, end = span.section.start_bar, span.section.end_bar

    def mean(bar: int, rise: float) -> float:
        return float(np.mean([fill_beats(span, bar, rise, 4, rng) for _ in range(200)]))

    assert mean(start, 0.3) == mean(start + 1, 0.3) == 0
    assert 0 < mean(start + 3, 0.3) < mean(end - 1, 0.0) < mean(end - 1, 0.3)
    strokes = fill_strokes("band", 2, rng)
    assert max(step for step, _, _ in strokes) < 8 and strokes[0][2] < strokes[-1][2]


def _dropped() -> list[tuple[Score, int]]:
    found = []
    for style in ("house", "trance", "dubstep", "synthwave"):
        for seed in range(4):
            plan = draw_plan(style=style, seconds=100, seed=seed)
            stage = Stage(plan, 0.0, drops=True)
            found += [(compose(plan), bar) for bar in stage.silent_bars]
    return found


def test_everybody_stops_before_a_drop() -> None:
    cases = _dropped()
    assert len(cases) >= 4
    for score, bar in cases:
        plan = score.plan
        after = next(s for s in plan.sections if s.start_bar == bar + 1)
        assert after.name == "chorus"
        begin = (bar + 1) * plan.bar_seconds - plan.beat_seconds
        end = (bar + 1) * plan.bar_seconds - 0.012
        for track in score.tracks:
            for note in track.notes:
                assert note.end_seconds <= begin + 0.03 or note.start_seconds >= end
    assert not MANNERS["folk"].electronic


def test_builds_swell_and_outros_fade() -> None:
    grown = []
    for seed in range(6):
        plan = draw_plan(style="trance", seconds=120, seed=seed)
        notes = [n for track in compose(plan).tracks for n in track.notes]
        for section in plan.sections:
            if section.name == "build" and section.bars >= 4:
                quarter = section.bars * plan.bar_seconds / 4
                begin = section.start_bar * plan.bar_seconds
                first, last = (
                    np.mean([n.velocity for n in notes if at <= n.start_seconds < at + quarter])
                    for at in (begin, begin + 3 * quarter - plan.beat_seconds)
                )
                grown.append(last / first)
    assert grown and min(grown) > 1.0 and np.mean(grown) > 1.15
