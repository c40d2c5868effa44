"""The plan of a piece, the prompt's words, and the guide that is drawn from the plan."""

import numpy as np
import pytest

from longform.errors import UserError
from longform.music import (
    FAMILIES,
    GUIDE_CHANNELS,
    GUIDE_FEATURES,
    SECTIONS,
    STYLES,
    Chord,
    Key,
    Plan,
    draw_plan,
    guide,
)
from longform.music.form import fit_form
from longform.music.harmony import HARMONY
from longform.music.theory import roman_bars, roman_chord

NAMES = sorted(STYLES)


@pytest.mark.parametrize(
    ("text", "tonic", "mode"),
    [
        ("A minor", 9, "minor"),
        ("Am", 9, "minor"),
        ("F# minor", 6, "minor"),
        ("Bb major", 10, "major"),
        ("C", 0, "major"),
        ("e-flat minor", 3, "minor"),
        ("G♯m", 8, "minor"),
        ("D maj", 2, "major"),
        ("b", 11, "major"),
        ("Bbm", 10, "minor"),
    ],
)
def test_key_is_parsed_and_survives_its_own_text(text: str, tonic: int, mode: str) -> None:
    key = Key.parse(text)
    assert (key.tonic, key.mode) == (tonic, mode)
    assert Key.parse(str(key)) == key


@pytest.mark.parametrize("text", ["", "H minor", "A minor minor", "sad", "A#b"])
def test_key_error_names_the_culprit(text: str) -> None:
    with pytest.raises(UserError, match="is not a key") as caught:
        Key.parse(text)
    assert repr(text) in str(caught.value) and "\n" not in str(caught.value)


def test_roman_numerals_follow_the_keys_own_scale() -> None:
    assert roman_chord("VI", Key(9, "minor")) == Chord(root=5, quality="", bass=5)
    assert roman_chord("iih7", Key(9, "minor")) == Chord(root=11, quality="m7b5", bass=11)
    assert roman_chord("bVII", Key(0, "major")) == Chord(root=10, quality="", bass=10)
    assert roman_chord("I/3", Key(7, "major")) == Chord(root=7, quality="", bass=11)
    assert roman_chord("V7", Key(2, "major")).pitch_classes == (9, 1, 4, 7)


def test_every_progression_can_be_read() -> None:
    for modes in HARMONY.values():
        assert set(modes) == {"major", "minor"}
        for mode, parts in modes.items():
            assert "verse" in parts
            for progressions in parts.values():
                for progression in progressions:
                    assert roman_bars(progression, Key(0, "minor" if mode == "minor" else "major"))


def test_style_rows_are_whole() -> None:
    assert len(STYLES) >= 16
    for style in STYLES.values():
        assert set(style.bands) == set(SECTIONS)
        assert all(
            band and band <= set(FAMILIES) for bands in style.bands.values() for band in bands
        )
        assert all(idiom in HARMONY for idiom in style.harmony)
        low, centre, high = style.tempo_bpm
        assert 40 <= low <= centre <= high <= 220
        assert style.moods and style.instruments and style.forms


def test_synonyms_belong_to_one_style() -> None:
    synonyms = [synonym for style in STYLES.values() for synonym in style.synonyms]
    assert len(synonyms) == len(set(synonyms))


def test_plan_obeys_what_is_asked_before_what_the_prompt_says() -> None:
    plan = draw_plan(
        style="deep house",
        prompt="rock, 90 bpm in C, 3/4",
        seconds=40,
        seed=1,
        bpm=121.5,
        key="F# minor",
        metre=4,
    )
    assert (plan.style, plan.tempo_bpm, plan.metre, str(plan.key)) == (
        "house",
        121.5,
        4,
        "F# minor",
    )
    assert set(plan.sources.values()) == {"asked"}
    plan = draw_plan(prompt="rock, 90 bpm in C major, 3/4", seconds=40, seed=1)
    assert (plan.style, plan.tempo_bpm, plan.metre, str(plan.key)) == ("rock", 90, 3, "C major")
    assert set(plan.sources.values()) == {"prompt"}
    assert set(draw_plan(seconds=40, seed=1).sources.values()) == {"drawn"}


def test_prompt_instruments_enter_and_leave_the_band() -> None:
    plan = draw_plan(prompt="house with guitar, no drums", seconds=90, seed=3)
    assert all("drums" not in section.families for section in plan.sections)
    assert any("guitar" in section.families for section in plan.sections)
    assert all(section.families for section in plan.sections)


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"bpm": 300.0}, "300"),
        ({"bpm": 12.0}, "12"),
        ({"bpm": float("nan")}, "nan"),
        ({"key": "H dur"}, "'H dur'"),
        ({"metre": 9}, "9"),
        ({"style": "tehcno"}, "techno"),
        ({"prompt": "speedcore 999 bpm"}, "999"),
        ({"seconds": 0.0}, "0"),
    ],
)
def test_what_cannot_be_played_is_a_one_line_error(arguments: dict, culprit: str) -> None:
    with pytest.raises(UserError) as caught:
        draw_plan(**{"seconds": 30.0, "seed": 1, **arguments})
    assert culprit in str(caught.value) and "\n" not in str(caught.value)


def _check_plan(plan: Plan, seconds: float) -> None:
    assert 0 < plan.end_seconds <= seconds + 1e-9
    assert len(plan.chords) == plan.bars == sum(section.bars for section in plan.sections)
    start = 0
    for section in plan.sections:
        assert section.start_bar == start and section.bars >= 1
        assert section.name in SECTIONS and 0 < section.energy <= 1
        assert section.families and section.families <= set(FAMILIES)
        start = section.end_bar
    assert all(len(bar) in (1, 2) for bar in plan.chords)
    assert plan.chords[-1][0].root == plan.key.tonic
    if plan.bar_seconds <= seconds:
        assert seconds - plan.end_seconds < plan.bar_seconds


def test_any_seed_style_and_length_gives_a_plan_that_fits() -> None:
    rng = np.random.default_rng(5)
    for index in range(300):
        seconds = float(rng.uniform(5, 285))
        metre = int(rng.integers(2, 8)) if index % 5 == 0 else None
        bpm = float(rng.uniform(40, 220)) if index % 7 == 0 else None
        plan = draw_plan(
            style=NAMES[index % len(NAMES)], seconds=seconds, seed=index, metre=metre, bpm=bpm
        )
        _check_plan(plan, seconds)
        if index % 10 == 0:
            assert Plan.from_json(plan.to_json()) == plan


def test_form_grows_with_the_length() -> None:
    names = [name for name, _ in fit_form("i4 [v8 c8] b8 c8 o4", 3)]
    assert len(names) == 1
    for bars in range(1, 200):
        assert sum(length for _, length in fit_form("i4 [v8 c8] b8 c8 o4", bars)) == bars
    long = fit_form("i4 [v8 c8] b8 c8 o4", 73)
    assert [name for name, _ in long][:: len(long) - 1] == ["intro", "outro"]
    assert [name for name, _ in long].count("verse") >= 2
    assert all(length % 4 == 0 for _, length in long[:-1]) and long[-1][1] % 4 == 1


def test_draws_repeat_and_differ_by_seed() -> None:
    assert draw_plan(prompt="pop", seconds=60, seed=4) == draw_plan(
        prompt="pop", seconds=60, seed=4
    )
    different = {draw_plan(prompt="pop", seconds=60, seed=seed).chords for seed in range(12)}
    assert len(different) >= 10
    assert len({draw_plan(seconds=60, seed=seed).style for seed in range(40)}) >= 12


def test_moods_choose_the_style_and_the_mode() -> None:
    sad = [
        draw_plan(prompt="sad lonely rock", seconds=30, seed=seed).key.mode for seed in range(40)
    ]
    happy = [
        draw_plan(prompt="happy sunny rock", seconds=30, seed=seed).key.mode for seed in range(40)
    ]
    assert sad.count("minor") > happy.count("minor") + 8
    calm = [
        draw_plan(prompt="calm, peaceful, meditative", seconds=30, seed=seed) for seed in range(30)
    ]
    assert sum(plan.style in ("ambient", "solo piano") for plan in calm) >= 12


def test_a_broken_plan_text_is_a_users_error() -> None:
    for text in ("", "{}", "[1]", '{"style": "house"}'):
        with pytest.raises(UserError, match="plan"):
            Plan.from_json(text)


def test_guide_layout_is_the_one_that_models_are_trained_on() -> None:
    assert GUIDE_CHANNELS == 48
    assert [(name, part.start, part.stop) for name, part in GUIDE_FEATURES.items()] == [
        ("beat", 0, 2),
        ("bar", 2, 4),
        ("phrase", 4, 6),
        ("chord", 6, 18),
        ("bass", 18, 30),
        ("section", 30, 38),
        ("energy", 38, 39),
        ("families", 39, 47),
        ("music", 47, 48),
    ]


@pytest.mark.parametrize("start", [0.0, 7.25])
def test_guide_equals_the_plan_frame_by_frame(start: float) -> None:
    plan = draw_plan(style="jazz trio", seconds=50, seed=8, metre=4)
    rate, frames = 21.5, 1200
    drawn = guide(plan, frames, rate, start)
    assert drawn.shape == (frames, GUIDE_CHANNELS) and drawn.dtype == np.float32
    for frame in range(0, frames, 7):
        time = start + (frame + 0.5) / rate
        row = {name: drawn[frame, part] for name, part in GUIDE_FEATURES.items()}
        if time >= plan.end_seconds:
            assert not drawn[frame].any()
            continue
        bar, beat = divmod(time / plan.beat_seconds, plan.metre)
        section = next(s for s in plan.sections if s.start_bar <= bar < s.end_bar)
        chords = plan.chords[int(bar)]
        chord = chords[1 if len(chords) == 2 and beat >= 2 else 0]
        phases = {"beat": beat, "bar": beat / 4, "phrase": (bar + beat / 4 - section.start_bar) / 4}
        for name, phase in phases.items():
            expected = [np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)]
            np.testing.assert_allclose(row[name], expected, atol=1e-4)
        assert set(np.flatnonzero(row["chord"])) == set(chord.pitch_classes)
        assert list(np.flatnonzero(row["bass"])) == [chord.bass]
        assert SECTIONS[int(row["section"].argmax())] == section.name and row["section"].sum() == 1
        assert row["energy"][0] == np.float32(section.energy) and row["music"][0] == 1
        assert {FAMILIES[i] for i in np.flatnonzero(row["families"])} == section.families


def test_guide_phase_crosses_zero_upwards_on_every_beat() -> None:
    plan = draw_plan(style="techno", seconds=20, seed=2, bpm=130)
    rate = 1000.0
    sine = guide(plan, 20_000, rate)[:, GUIDE_FEATURES["beat"].start]
    rising = np.flatnonzero((sine[:-1] < 0) & (sine[1:] >= 0))
    times = (rising + 1) / rate
    beats = times / plan.beat_seconds
    assert len(beats) == plan.bars * plan.metre  # the last one is the end, where all becomes 0
    np.testing.assert_allclose(beats, np.round(beats), atol=0.01)


def test_guide_windows_join_to_the_whole_and_before_the_start_is_silence() -> None:
    plan = draw_plan(style="folk", seconds=30, seed=2)
    whole = guide(plan, 300, 10.0)
    parts = [guide(plan, 100, 10.0, start) for start in (0.0, 10.0, 20.0)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)
    assert not guide(plan, 10, 10.0, -1.0).any()


def test_a_frame_that_falls_a_rounding_error_before_a_bar_line_has_the_last_beats_chord() -> None:
    """(bars - bar) * metre can round up to metre itself."""
    plan = draw_plan(style="house", seconds=60, seed=0, bpm=120)
    for offset in (-1e-12, -1e-11, -1e-10, -4e-10):
        start = 7 * plan.bar_seconds + offset
        drawn = guide(plan, 1, 1e12, start)
        assert drawn[0, GUIDE_FEATURES["bass"]].sum() == 1
