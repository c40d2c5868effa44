"""What the composer promises: notes in time, in key, and only where the plan says they sound."""

import functools
import itertools

import numpy as np
import pytest

from longform.music import FAMILIES, STYLES, Plan, draw_plan
from longform.music.theory import QUALITIES, Chord
from longform.train.songbook.compose import compose
from longform.train.songbook.manners import MANNERS
from longform.train.songbook.patterns_drums import DRUMS, GROOVES
from longform.train.songbook.patterns_pitched import BASS, COMP, MELODY
from longform.train.songbook.score import SYNTH_VOICES, Note, Score
from longform.train.songbook.stage import events
from longform.train.songbook.voicing import voice

NAMES = sorted(STYLES)
EARLY = 0.012  # a humanised note may come this much before its bar


@functools.cache
def _score(style: str, seconds: float, seed: int, metre: int | None = None) -> Score:
    return compose(draw_plan(style=style, seconds=seconds, seed=seed, metre=metre))


def _cases() -> list[Score]:
    rng = np.random.default_rng(11)
    scores = [_score(name, 40.0 + 3 * i % 20, i) for i, name in enumerate(NAMES)]
    for index in range(45):
        metre = int(rng.integers(2, 8)) if index % 3 == 0 else None
        name = NAMES[int(rng.integers(len(NAMES)))]
        scores.append(_score(name, float(rng.uniform(5, 30)), index, metre))
    return scores


def _notes(score: Score, family: str) -> list[Note]:
    return [note for track in score.tracks if track.family == family for note in track.notes]


def test_every_style_has_a_manner() -> None:
    assert set(MANNERS) == set(STYLES)


def test_notes_lie_within_the_piece_and_are_playable() -> None:
    for score in _cases():
        assert score.tracks and score.seconds == score.plan.seconds
        for track in score.tracks:
            assert track.family in FAMILIES and track.notes
            assert -1 <= track.pan <= 1 and 0 <= track.reverb <= 1 and 0 <= track.delay <= 1
            starts = [note.start_seconds for note in track.notes]
            assert starts == sorted(starts)
            for note in track.notes:
                assert note.start_seconds >= 0 and note.seconds > 0
                assert note.end_seconds <= score.seconds + 1e-6
                assert 1 <= note.velocity <= 127 and 0 <= note.pitch <= 127


def test_voices_are_known() -> None:
    for manner in MANNERS.values():
        texts = [voice for choices in manner.voices.values() for _, voice in choices]
        for text in (*texts, *manner.kits):
            kind, _, name = text.partition(":")
            assert kind in ("gm", "synth")
            if kind == "synth":
                assert name in SYNTH_VOICES
            else:
                assert 0 <= int(name.removeprefix("drums:")) <= 127


def test_exactly_the_families_of_a_section_sound_in_it() -> None:
    for score in _cases():
        plan = score.plan
        for family in FAMILIES:
            notes = _notes(score, family)
            starts = np.array([note.start_seconds for note in notes])
            ends = np.array([note.end_seconds for note in notes])
            for section in plan.sections:
                begin = section.start_bar * plan.bar_seconds
                end = min(section.end_bar * plan.bar_seconds, plan.seconds)
                if family in section.families:
                    inside = (starts >= begin - EARLY) & (starts < end - EARLY)
                    assert inside.any(), (plan.style, plan.seed, section, family)
                else:
                    sounding = (starts < end - EARLY) & (ends > begin + EARLY)
                    assert not sounding.any(), (plan.style, plan.seed, section, family)


def _share_in_harmony(score: Score) -> float:
    plan, good, total = score.plan, 0, 0
    for family in set(FAMILIES) - {"drums"}:
        for note in _notes(score, family):
            bar = min(int((note.start_seconds + EARLY) / plan.bar_seconds), plan.bars - 1)
            tones = {tone for chord in plan.chords[bar] for tone in chord.pitch_classes}
            good += note.pitch % 12 in tones | set(plan.key.scale)
            total += 1
    return good / max(total, 1)


def test_pitches_belong_to_the_key_or_the_chord() -> None:
    shares = [_share_in_harmony(score) for score in _cases()]
    assert min(shares) >= 0.85
    assert np.mean(shares) >= 0.96


@pytest.mark.parametrize("style", ["house", "techno", "trance", "disco", "rock", "trap", "funk"])
def test_kicks_on_the_beat_stay_on_the_plans_grid(style: str) -> None:
    score = _score(style, 45.0, 7)
    plan = score.plan
    kicks = np.array([note.start_seconds for note in _notes(score, "drums") if note.pitch == 36])
    beats = kicks / plan.beat_seconds
    on_beat = np.abs(beats - np.round(beats)) < 0.12
    late = np.abs(beats - np.round(beats))[on_beat] * plan.beat_seconds
    assert on_beat.sum() >= plan.bars // 2
    assert late.max() <= 0.015


def test_swing_moves_the_off_beats_alone() -> None:
    straight = draw_plan(style="jazz trio", seconds=30, seed=3, metre=4, bpm=120)
    assert straight.swing > 0.5
    rides = [note.start_seconds for note in _notes(compose(straight), "drums") if note.pitch == 51]
    phases = np.array(rides) / straight.beat_seconds % 1.0
    off = phases[(phases > 0.3) & (phases < 0.9)]
    np.testing.assert_allclose(off, 0.5 + straight.swing / 6, atol=0.03)
    assert np.minimum(phases, 1 - phases)[(phases < 0.2) | (phases > 0.9)].max() < 0.03


def test_the_final_chord_is_the_tonic_and_stops() -> None:
    for score in _cases():
        plan = score.plan
        if plan.bars < 2:
            continue
        begin = (plan.bars - 1) * plan.bar_seconds - EARLY
        pitched = [note for f in set(FAMILIES) - {"drums"} for note in _notes(score, f)]
        last = [note for note in pitched if note.start_seconds >= begin]
        assert {note.pitch % 12 for note in last} <= set(plan.chords[-1][0].pitch_classes)
        assert max(note.end_seconds for note in pitched) <= min(
            plan.end_seconds + 0.2, plan.seconds
        )


def test_the_same_plan_gives_the_same_score_after_json_too() -> None:
    for style in ("lo-fi hip hop", "metal", "bossa nova"):
        plan = draw_plan(style=style, seconds=20, seed=9)
        assert compose(plan) == compose(Plan.from_json(plan.to_json()))


def test_seeds_make_different_pieces() -> None:
    for style in ("pop", "techno", "solo piano"):
        scores = [_score(style, 20.0, seed) for seed in range(6)]
        rhythms = {
            tuple(
                (
                    track.voice,
                    round(note.start_seconds / score.plan.beat_seconds * 4),
                    note.pitch - score.plan.key.tonic,
                )
                for track in score.tracks
                for note in track.notes[:40]
            )
            for score in scores
        }
        assert len(rhythms) == 6


def test_energy_makes_the_music_louder_and_denser() -> None:
    louder = denser = total = 0
    for style in ("rock", "house", "cinematic orchestral", "pop", "funk", "drum and bass"):
        score = _score(style, 100.0, 21)
        plan = score.plan
        loads = {}
        for section in plan.sections:
            begin, end = section.start_bar * plan.bar_seconds, section.end_bar * plan.bar_seconds
            notes = [n for t in score.tracks for n in t.notes if begin <= n.start_seconds < end]
            loads[section.energy] = (
                np.mean([note.velocity for note in notes]),
                len(notes) / section.bars,
            )
        calm, full = loads[min(loads)], loads[max(loads)]
        louder, denser, total = (
            louder + (full[0] > calm[0]),
            denser + (full[1] > calm[1]),
            total + 1,
        )
    assert denser >= total - 1 and louder >= total - 1


def test_melodies_return_with_their_section() -> None:
    score = _score("chiptune", 120.0, 5)
    plan = score.plan
    lead = _notes(score, "lead")
    tunes = []
    for section in plan.sections:
        if section.name == "chorus":
            begin = section.start_bar * plan.bar_seconds
            window = [
                n
                for n in lead
                if begin - EARLY <= n.start_seconds < begin + 2 * plan.bar_seconds - EARLY
            ]
            tunes.append(
                [
                    (round((n.start_seconds - begin) / plan.beat_seconds * 4), n.pitch)
                    for n in window
                ]
            )
    assert len(tunes) >= 2
    assert tunes[0] and all(tune == tunes[0] for tune in tunes)


def test_bass_and_kit_are_centred_and_the_image_is_wide() -> None:
    widths = []
    for score in _cases():
        assert all(track.pan == 0 for track in score.tracks if track.family in ("bass", "drums"))
        widths.append(max(abs(track.pan) for track in score.tracks))
    assert np.mean([width >= 0.1 for width in widths]) > 0.85


def test_voice_leading_moves_less_than_root_position() -> None:
    chords = [
        Chord(root=r, quality=q, bass=r) for r, q in ((0, ""), (9, "m"), (5, ""), (7, "7"), (0, ""))
    ]
    led = [voice(chords[0], None, 62, 3)]
    for chord in chords[1:]:
        led.append(voice(chord, led[-1], 62, 3))
    roots = [[60 + c.root + step for step in QUALITIES[c.quality][:3]] for c in chords]

    def motion(voicings: list[list[int]]) -> int:
        pairs = itertools.pairwise(voicings)
        return sum(abs(a - b) for one, two in pairs for a, b in zip(one, two, strict=True))

    assert motion(led) < motion(roots) / 2
    for chord, pitches in zip(chords, led, strict=True):
        assert {pitch % 12 for pitch in pitches} <= set(chord.pitch_classes)


def test_patterns_are_whole_bars_of_known_symbols() -> None:
    for table, symbols in ((BASS, "rofstan-."), (COMP, "xXv-."), (MELODY, "x-.")):
        for patterns in table.values():
            assert all(len(p) == 16 and set(p) <= set(symbols) and events(p) for p in patterns)
    for groove in GROOVES.values():
        assert all(
            row in DRUMS and len(p) in (16, 32) and set(p) <= set("Xx-.")
            for row, p in groove.items()
        )
