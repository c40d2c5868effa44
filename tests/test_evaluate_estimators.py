"""Tempo and key of pieces whose tempo and key are known; what the estimators must not hear."""

import numpy as np
import pytest
from evaluate_music import clicks, noise, piece

from longform.audio import Waveform
from longform.music.draw import draw_plan
from longform.music.outline import chords_of
from longform.music.theory import QUALITIES, Chord, Key
from longform.train.evaluate.chords import (
    ChordPlan,
    hear_chords,
    plan_path,
    triad_of,
    triads_in,
)
from longform.train.evaluate.features import ANALYSIS_RATE_HZ, analysis_mono, pitch_saliency
from longform.train.evaluate.fit import fit_pair, fit_tempo, mistaken
from longform.train.evaluate.harmony import Chords, hear_harmony, recognise_chords
from longform.train.evaluate.key import (
    KEYS,
    estimate_key,
    key_features,
    key_relation,
    profile_key,
)
from longform.train.evaluate.tempo import (
    CANDIDATES_BPM,
    estimate_tempo,
    tempo_error,
    tempo_obeyed,
)


@pytest.mark.parametrize("bpm", [61.0, 74.0, 93.0, 118.5, 140.0, 174.0])
def test_tempo_of_clicks_within_half_a_percent(bpm: float) -> None:
    assert tempo_error(estimate_tempo(clicks(bpm)).bpm, bpm) < 0.005


@pytest.mark.parametrize(
    ("bpm", "name"),
    [(82, "D minor"), (124, "A minor"), (100, "Eb major"), (140, "C major"), (168, "F# minor")],
)
def test_tempo_and_key_of_a_band(bpm: float, name: str) -> None:
    waveform = piece(bpm, Key.parse(name))
    assert tempo_obeyed(estimate_tempo(waveform).bpm, bpm)
    assert str(estimate_key(waveform).key) == name


def test_key_follows_a_transposition() -> None:
    heard = [estimate_key(piece(110, Key(tonic, "minor"), 12.0)).key for tonic in (0, 5, 11)]
    assert heard == [Key(tonic, "minor") for tonic in (0, 5, 11)]


def test_key_is_heard_though_the_piece_is_a_third_of_a_semitone_sharp() -> None:
    original = piece(100, Key.parse("G major"), 16.0)
    sharp = Waveform(original.samples, round(original.sample_rate * 2 ** (0.33 / 12)))
    assert str(estimate_key(sharp).key) == "G major"


def test_the_published_profile_agrees_on_a_plain_piece() -> None:
    harmony = hear_harmony(analysis_mono(piece(110, Key.parse("Bb major"), 12.0)))
    assert str(profile_key(harmony)) == "Bb major"


def test_nothing_is_heard_in_silence() -> None:
    silence = Waveform(np.zeros((2, 5 * 44_100), dtype=np.float32), 44_100)
    assert estimate_tempo(silence).bpm == 0
    assert estimate_key(silence).key is None
    assert not tempo_obeyed(0.0, 120)


def test_noise_has_no_clear_tempo() -> None:
    assert estimate_tempo(noise(20)).clarity < 0.2 < estimate_tempo(clicks(120)).clarity


def test_tempo_folding_is_by_octaves_only() -> None:
    assert tempo_obeyed(60, 120) and tempo_obeyed(240, 120) and tempo_obeyed(124, 120)
    assert not tempo_obeyed(126, 120)
    assert not tempo_obeyed(90, 120) and not tempo_obeyed(40, 120)
    assert tempo_error(60, 120, folded=False) == 0.5


@pytest.mark.parametrize(
    ("heard", "relation"),
    [
        ("A minor", "exact"),
        ("C major", "relative"),
        ("E minor", "fifth"),
        ("D minor", "fifth"),
        ("A major", "parallel"),
        ("F# major", "other"),
        ("F# minor", "other"),
    ],
)
def test_relations_of_keys(heard: str, relation: str) -> None:
    assert key_relation(Key.parse(heard), Key.parse("A minor")) == relation


def test_relative_of_major_is_its_sixth_degree() -> None:
    assert key_relation(Key.parse("A minor"), Key.parse("C major")) == "relative"
    assert key_relation(Key.parse("Eb minor"), Key.parse("C major")) == "other"
    assert key_relation(None, Key.parse("C major")) == "other"


def test_saliency_finds_the_pitches_of_a_chord() -> None:
    time = np.arange(3 * ANALYSIS_RATE_HZ) / ANALYSIS_RATE_HZ
    wave = sum(np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * time) for p in (60, 64, 67))
    saliency = pitch_saliency(
        np.asarray(wave, dtype=np.float32), window_samples=8192, hop_samples=2205, low=48, high=96
    )
    loudest = np.argsort(saliency.sum(0))[-3:] + 48
    assert sorted(loudest) == [60, 64, 67]


def test_chords_of_a_band_are_recognised() -> None:
    chords = recognise_chords(hear_harmony(analysis_mono(piece(120, Key.parse("C major"), 16.0))))
    bars = [set(chords.path[start + 4 : start + 16]) for start in range(0, 60, 20)]
    assert bars == [{0}, {7}, {21}]  # C, G, A minor: two seconds each
    assert chords.shares.sum(1) == pytest.approx(1)


def test_features_of_a_key_turn_with_its_tonic() -> None:
    path = np.array([0, 0, 7, 21] * 30)  # C C G Am
    turned = (path % 12 + 5) % 12 + 12 * (path >= 12)
    original, moved = (key_features(Chords(shares=np.eye(24)[p], path=p)) for p in (path, turned))
    assert moved[5] == pytest.approx(original[0])
    assert moved[0] == pytest.approx(original[7])
    assert len(KEYS) == 24 and len(set(KEYS)) == 24


def test_plans_become_paths_of_triads() -> None:
    plan = draw_plan(style="pop", seconds=40.0, seed=3, bpm=120, key=Key.parse("D major"))
    path = plan_path(plan, 0.0, 400)
    assert path[0] == triad_of(plan.chords[0][0], plan.key)
    last = int(plan.bars * plan.bar_seconds * 10)
    assert path[last - 2] == triad_of(plan.chords[-1][-1], plan.key)
    assert set(path[last + 1 :]) <= {-1}
    assert triad_of(Chord(root=4, quality="5", bass=4), plan.key) == 16  # E minor in D major
    assert triad_of(Chord(root=9, quality="7", bass=9), plan.key) == 9


def test_bars_are_heard_where_their_chords_sound_and_only_there() -> None:
    harmony = hear_harmony(analysis_mono(piece(120, Key.parse("C major"), 24.0)))

    def heard(*bars: str, start_seconds: float = 0.0, tempo_bpm: float = 120) -> tuple[int, int]:
        chords = tuple(chords_of(bar) for bar in bars)
        plan = ChordPlan(bars=chords, tempo_bpm=tempo_bpm, metre=4, key=Key.parse("C"))
        found = hear_chords(harmony, plan, start_seconds)
        return found.heard, found.bars

    loop = ["C", "G", "Am", "F"]  # what the band plays, two seconds each
    assert heard(*loop, *loop, *loop) == (12, 12)
    assert heard("Cmaj7", "G7", "C/A", "Dm7", *loop, *loop)[0] == 12, "each holds what is played"
    assert heard("F#", "F#", *loop[2:], *loop, *loop) == (10, 12)
    assert heard(*["C,G", "Am,F"] * 3, tempo_bpm=60) == (6, 6), "four seconds, two chords"
    assert heard(*["G,C", "G", "C,Am", "F"] * 3)[0] == 6, "both chords of a bar must be heard"
    assert heard(*loop, *loop, *loop, *loop)[1] == 12, "bars after the end do not count"
    assert heard("Eb", *loop[1:], *loop, start_seconds=2.0)[1] == 7, "nor do those before"


def test_chance_deals_the_bars_of_a_piece_among_themselves() -> None:
    harmony = hear_harmony(analysis_mono(piece(120, Key.parse("C major"), 24.0)))
    bars = tuple(chords_of(bar) for bar in ("C", "G", "Am", "F") * 3)
    plan = ChordPlan(bars=bars, tempo_bpm=120, metre=4, key=Key.parse("C"))
    assert hear_chords(harmony, plan).chance == pytest.approx(12 * 2 / 11, abs=0.01)
    silence = hear_harmony(np.zeros(3 * ANALYSIS_RATE_HZ, dtype=np.float32))
    assert hear_chords(silence, plan).bars == 0


def test_chords_survive_the_facts_of_a_file() -> None:
    chords = tuple(
        (Chord(root=root, quality=quality, bass=bass),)
        for quality in QUALITIES
        for root, bass in ((1, 1), (6, 10), (11, 3))
    )
    facts = {"tempo_bpm": 90.0, "metre": 3, "key": "Bb minor"}
    facts["chords"] = [",".join(map(str, bar)) for bar in chords]
    plan = ChordPlan.of_facts(facts)
    assert plan is not None and plan.bars == chords and plan.bar_seconds == 2.0
    assert ChordPlan.of_facts(facts | {"chords": ["H"]}) is None
    assert ChordPlan.of_facts({"tempo_bpm": 90.0}) is None
    key = Key.parse("C")
    assert triads_in(chords_of("Am7")[0], key) == {21, 0}, "A minor and C"
    assert triads_in(chords_of("Dsus4")[0], key) == {14}, "D minor, by the key"


def test_mistaken_paths_keep_their_chord_changes() -> None:
    path = np.repeat([0, 7, 21, 5], 20)
    heard = mistaken(path, np.random.default_rng(4))
    assert heard.shape == path.shape and not np.array_equal(heard, path)
    assert set(np.flatnonzero(np.diff(heard))) <= set(np.flatnonzero(np.diff(path)))


def test_fitting_learns_a_planted_rule() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice(CANDIDATES_BPM[100:-100], 12)
    tempo = rng.normal(size=(12, len(CANDIDATES_BPM), 3)).astype(np.float32)
    tempo[..., 1] += 4 * (np.abs(CANDIDATES_BPM / truth[:, None] - 1) < 0.005)
    weights = fit_tempo(tempo, truth)
    assert weights[1] > 2 * max(abs(weights[0]), abs(weights[2]))

    index = rng.integers(0, 24, 60)
    key = rng.normal(size=(60, 12, 2)).astype(np.float32)
    key[np.arange(60), index % 12, index // 12] += 4
    fitted = fit_pair("key", key, index, 1e-3)
    assert fitted["key_major"][0] > 1 > abs(fitted["key_major"][1])
    assert fitted["key_minor"][1] > 1 > abs(fitted["key_minor"][0])
