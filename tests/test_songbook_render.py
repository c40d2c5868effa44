"""The songbook's sound: FluidSynth, synthesised voices, the mixing desk, effects, captions."""

import re

import numpy as np
import pytest
from scipy.signal import oaconvolve

from longform.errors import UserError
from longform.music import STYLES, draw_plan
from longform.train.songbook import mixing
from longform.train.songbook.captions import captions
from longform.train.songbook.effects import KINDS, effect
from longform.train.songbook.fluid import Fluid, soundfont_path
from longform.train.songbook.instruments import PROGRAM_NAMES, instruments_of, names_of
from longform.train.songbook.profiles import PROFILES
from longform.train.songbook.render import render
from longform.train.songbook.score import SYNTH_VOICES, Note, Score, Track
from longform.train.songbook.synth import VOICES, render_notes
from longform.train.songbook.synth_core import draw_patch
from longform.train.songbook.synth_drums import DRUM_VOICES, render_drums
from longform.train.songbook.synth_fx import FX_VOICES
from longform.train.songbook.wavetable import scan, table

RATE = 44100


def small_score(style: str = "house", seconds: float = 4.0, loud_db: float = 0.0) -> Score:
    """Drums, bass, keys and pad with every kind of voice and send."""
    plan = draw_plan(style=style, seconds=20, seed=3)
    beats = [Note(0.5 * beat, 0.2, (36, 38)[beat % 2], 110) for beat in range(7)]
    line = [Note(0.5 * step, 0.45, 40 + step, 90) for step in range(6)]
    chord = [Note(0.1, 2.5, pitch, 80) for pitch in (57, 60, 64)]
    tracks = [
        Track("kit", "drums", "synth:drums909", beats, reverb=0.1),
        Track("shaker", "drums", "gm:drums:0", [Note(0.25, 0.1, 70, 90)], pan=-0.5),
        Track("bass", "bass", "gm:33", line, gain_db=loud_db),
        Track("keys", "keys", "gm:4", chord, pan=0.4, reverb=0.4, delay=0.5),
        Track("pad", "pad", "synth:pad", chord, reverb=0.5),
    ]
    return Score(plan, tracks, seconds)


def test_stems_sum_to_the_mix_and_the_mix_does_not_need_them() -> None:
    score = small_score()
    rendered = render(score, RATE)
    assert set(rendered.stems) == {"drums", "bass", "keys", "pad"}
    assert rendered.mix.shape == (2, 4 * RATE) and rendered.mix.dtype == np.float32
    total = np.sum(list(rendered.stems.values()), axis=0)
    np.testing.assert_allclose(total, rendered.mix, atol=1e-6)
    without = render(score, RATE, stems=False)
    assert not without.stems
    np.testing.assert_allclose(without.mix, rendered.mix, atol=1e-4)
    assert np.abs(rendered.mix).max() > 0.1
    for stem in rendered.stems.values():
        assert np.abs(stem).max() > 1e-3


def test_rendering_is_deterministic_and_ends_silent() -> None:
    score = small_score("solo piano")
    first, second = render(score, RATE, stems=False).mix, render(score, RATE, stems=False).mix
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[:, -8:]).max() < 1e-4


def test_a_track_that_is_far_too_loud_is_limited_for_all_stems_alike() -> None:
    rendered = render(small_score(loud_db=30), RATE)
    assert np.abs(rendered.mix).max() <= 10 ** (-1 / 20)
    np.testing.assert_allclose(sum(rendered.stems.values()), rendered.mix, atol=1e-6)


def test_loudness_follows_the_style() -> None:
    for style in ("house", "ambient"):
        mix = render(small_score(style, 6.0), RATE, stems=False).mix
        assert abs(mixing.loudness_lufs(mix, RATE) - PROFILES[style].loudness_lufs) < 3.0
    assert set(PROFILES) == set(STYLES)


def test_every_midi_track_has_its_own_dry_buffer_and_notes_start_on_time() -> None:
    tracks = [
        Track("piano", "keys", "gm:0", [Note(0.5, 0.3, 69, 100)]),
        Track("kit", "drums", "gm:drums:0", [Note(1.0, 0.1, 38, 110)]),
    ]
    with Fluid(RATE, 2) as fluid:
        pieces = [chunk.copy() for _, chunk in fluid.render(tracks, 2 * RATE)]
    audio = np.concatenate(pieces, axis=2)
    assert audio.shape == (2, 2, 2 * RATE)
    for index, start in enumerate((0.5, 1.0)):
        sounding = np.abs(audio[index]).max(axis=0) > 1e-4
        onset = int(np.argmax(sounding)) / RATE
        assert start - 0.002 <= onset <= start + 0.012


def test_an_early_note_does_not_cut_a_later_one_of_the_same_pitch() -> None:
    overlapping = [Note(0.0, 1.5, 60, 100), Note(1.0, 1.0, 60, 100)]
    track = Track("organ", "keys", "gm:16", overlapping)
    with Fluid(RATE, 1) as fluid:
        pieces = [chunk[0].copy() for _, chunk in fluid.render([track], 2 * RATE)]
    audio = np.concatenate(pieces, axis=1)
    assert audio[:, int(1.7 * RATE) : int(1.9 * RATE)].std() > 1e-3


def test_a_missing_soundfont_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGFORM_SOUNDFONT", "/nowhere/font.sf2")
    with pytest.raises(UserError, match=r"/nowhere/font\.sf2.*fluid-soundfont-gm"):
        soundfont_path()


@pytest.mark.parametrize("voice", sorted(VOICES))
def test_pitched_voices_sound_their_note(voice: str) -> None:
    pitch = 45 if voice in ("subbass", "acid", "reese", "fmbass") else 69
    hz = 440 * 2 ** ((pitch - 69) / 12)
    notes = [Note(0.2, 1.2, pitch, 100)]
    audio = render_notes(voice, notes, draw_patch(5), 3 * RATE, RATE)
    assert audio.shape == (2, 3 * RATE) and audio.dtype == np.float32
    assert np.isfinite(audio).all() and 0.02 < np.abs(audio).max() < 4
    assert not audio[:, : int(0.19 * RATE)].any()
    held = audio[0, int(0.3 * RATE) : int(1.3 * RATE)]
    spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held)), 1 << 18))
    bins = np.arange(len(spectrum)) * RATE / (1 << 18)
    at_pitch = spectrum[np.abs(bins / hz - 1) < 0.03].max()
    assert at_pitch > 0.15 * spectrum.max()
    between = spectrum[(bins > 1.2 * hz) & (bins < 1.3 * hz)].max()
    assert at_pitch > 8 * between


def test_louder_notes_are_louder_and_voices_are_complete() -> None:
    def level(velocity: int) -> float:
        track = render_notes("lead", [Note(0, 0.5, 69, velocity)], draw_patch(1), RATE, RATE)
        return float(track.std())

    assert level(120) > 1.5 * level(60)
    assert set(VOICES) | set(DRUM_VOICES) | set(FX_VOICES) == set(SYNTH_VOICES)


def test_a_high_saw_does_not_alias() -> None:
    hz = 2217.46
    phase = np.arange(1 << 16) / RATE * hz
    wave = scan(table("saw", hz, 0.0, 0.5, RATE), phase, 22.5)
    spectrum = np.abs(np.fft.rfft(wave * np.blackman(len(wave))))
    bins = np.arange(len(spectrum)) * RATE / (1 << 16)
    harmonic = np.abs(bins / hz - np.round(bins / hz)) * hz < 15
    assert spectrum[~harmonic].max() < 1e-3 * spectrum.max()
    assert np.isfinite(scan(table("saw", hz, 0.0, 0.5, RATE), np.array([-1e-18]), 3.0)).all()


@pytest.mark.parametrize("voice", DRUM_VOICES)
def test_drum_kits_play_every_drum_and_hats_choke(voice: str) -> None:
    pitches = range(35, 83)
    hits = [Note(0.1 * index, 0.1, pitch, 100) for index, pitch in enumerate(pitches)]
    audio = render_drums(voice, hits, 7, 6 * RATE, RATE)
    assert np.isfinite(audio).all()
    for index in range(len(hits)):
        first = int(0.1 * index * RATE)
        assert np.abs(audio[:, first : first + 2000]).max() > 0.01
    if voice.startswith("drums"):
        ringing = render_drums(voice, [Note(0, 0.1, 46, 100)], 7, RATE, RATE)
        choked = [Note(0, 0.1, 46, 100), Note(0.1, 0.1, 42, 1)]
        stopped = render_drums(voice, choked, 7, RATE, RATE)
        window = slice(int(0.13 * RATE), int(0.3 * RATE))
        assert stopped[:, window].std() < 0.1 * ringing[:, window].std()


def test_kicks_push_the_bass_down() -> None:
    gain = mixing.duck([1.0], 6.0, 2 * 689, 689.0)
    assert gain[:689].min() == 1.0
    assert 10 ** (-6 / 20) <= gain[689:700].min() < 0.55
    assert gain[689 + 400] > 0.97
    assert (mixing.duck([], 6.0, 10, 689.0) == 1).all()


def test_the_limiter_holds_the_ceiling_and_leaves_the_rest_alone() -> None:
    rng = np.random.default_rng(0)
    audio = rng.uniform(-0.1, 0.1, (2, 64 * 400)).astype(np.float32)
    audio[:, 12000:12003] = 3.0
    audio[1, 20031] = -2.0
    gain = mixing.limiter(audio)
    limited = audio.copy()
    mixing.apply_gain(limited, gain)
    assert np.abs(limited).max() <= mixing.decibels(mixing.CEILING_DB) + 1e-6
    np.testing.assert_array_equal(limited[:, :9000], audio[:, :9000])


def test_rooms_are_convolved_exactly_and_darken() -> None:
    rng = np.random.default_rng(1)
    send = rng.standard_normal(50000).astype(np.float32)
    response = mixing.room(3, 0.4, RATE)
    expected = np.stack([oaconvolve(send, side)[: len(send)] for side in response])
    np.testing.assert_allclose(mixing.reverberate(send, response), expected, atol=1e-3)
    spectra = [
        np.abs(np.fft.rfft(response[0, first : first + 4096])) ** 2 for first in (2000, 12000)
    ]
    early, late = (part[1000:].sum() / part[20:200].sum() for part in spectra)
    assert late < 0.5 * early


def test_echoes_alternate_in_time() -> None:
    send = np.zeros(1000, np.float32)
    send[10] = 1
    out = mixing.ping_pong(send, 100, 0.5, 3)
    assert out[1, 110] == 0.5 and out[0, 210] == 0.25 and out[1, 310] == 0.125
    assert np.count_nonzero(out) == 3


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_effects_are_sound(kind: str) -> None:
    seconds = min(2.0, KINDS[kind].seconds[0])
    audio, facts = effect(kind, 11, seconds)
    assert audio.shape == (2, int(seconds * RATE)) and audio.dtype == np.float32
    assert np.isfinite(audio).all()
    assert 0.4 < np.abs(audio).max() < 0.9
    assert audio.std() > 1e-3 and abs(audio.mean()) < 0.02
    assert np.abs(audio[:, -1]).max() < 1e-3
    assert facts["names"] and facts["words"] and facts["seconds"] == seconds


def test_effects_follow_their_seed_and_length_range() -> None:
    first, again, other = (effect("laser", seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or not np.allclose(first, other)
    assert len(KINDS) >= 24
    low, high = KINDS["coin"].seconds
    assert low <= effect("coin", 3)[1]["seconds"] <= high
    with pytest.raises(UserError, match="moo"):
        effect("moo", 1)


FACTS = {
    "kind": "music",
    "style": "house",
    "moods": ["warm", "deep", "groovy"],
    "instruments": ["drum machine", "synth bass", "piano"],
    "tempo_bpm": 124.0,
    "key": "A minor",
    "metre": 4,
    "sections": ["intro", "verse", "chorus", "outro"],
    "seconds": 90.0,
}


def test_captions_are_many_true_and_fixed_by_seed() -> None:
    assert captions(FACTS, 5, 8) == captions(FACTS, 5, 8)
    assert captions(FACTS, 5, 8) != captions(FACTS, 6, 8)
    texts = [text for seed in range(60) for text in captions(FACTS, seed, 8)]
    assert len(texts) == 480 and len(set(texts)) > 400
    for text in texts:
        assert text.strip() == text and "{" not in text and "  " not in text
        for tempo in re.findall(r"(\d+) ?bpm", text.lower()):
            assert abs(int(tempo) - 124) <= 3
        for key in re.findall(r"\b([A-G][#b]? (?:minor|major))\b", text):
            assert key == "A minor"
        for mood in ("sad", "dark", "epic"):
            assert mood not in text.lower()
    joined = sum("|" in text for text in texts) / len(texts)
    assert 0.3 < joined < 0.6
    lengths = [len(text) for text in texts]
    assert min(lengths) < 15 and max(lengths) > 100


def test_effect_captions_name_the_effect() -> None:
    _, facts = effect("rain", 2, 1.0)
    texts = captions(facts, 1, 8)
    assert len(texts) == 8
    assert all("rain" in text.lower() for text in texts)


def test_instruments_have_names() -> None:
    assert len(PROGRAM_NAMES) == 128
    assert names_of("gm:0")[0] == "piano" and names_of("gm:33")[0] == "electric bass"
    assert names_of("gm:40")[0] == "violin" and names_of("gm:73")[0] == "flute"
    assert names_of("gm:24")[1] == "nylon guitar" and names_of("gm:127")[0] == "gunshot"
    tracks = small_score().tracks
    tracks.append(Track("silent", "lead", "gm:73"))
    names = instruments_of(tracks)
    assert "flute" not in names and names[0] == "909 drums" and len(names) == len(set(names))
