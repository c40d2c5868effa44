"""Tone of the styles: mono bass, shelves, saturation, opening filters, spaces, transitions."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from longform.music import draw_plan
from longform.train.songbook import mastering, mixing
from longform.train.songbook.compose import compose
from longform.train.songbook.profiles import MixProfile
from longform.train.songbook.render import render
from longform.train.songbook.score import Note
from longform.train.songbook.synth_fx import FX_VOICES, render_fx

RATE = 44100


def _low_side_db(audio: np.ndarray) -> float:
    """Side against middle below 80 Hz."""
    low = butter(4, 80, "low", fs=RATE, output="sos")
    middle, side = (
        np.asarray(sosfilt(low, part)) for part in (audio[0] + audio[1], audio[0] - audio[1])
    )
    return float(10 * np.log10((side**2).sum() / (middle**2).sum() + 1e-12))


def test_the_bass_is_mono_and_the_rest_is_not() -> None:
    time = np.arange(4 * RATE) / RATE
    audio = np.stack([np.sin(2 * np.pi * 60 * time), np.sin(2 * np.pi * 61 * time + 1)])
    audio = (0.3 * audio).astype(np.float32)
    before = _low_side_db(audio)
    mastering.shape(audio, MixProfile(), RATE)
    assert before > -10 and _low_side_db(audio) < before - 15
    for style in ("techno", "solo piano", "rock"):
        mix = render(compose(draw_plan(style=style, seconds=12, seed=4)), RATE, stems=False).mix
        assert _low_side_db(mix) < -15
        assert np.abs(mix[0] - mix[1]).max() > 0.01


def test_shelves_and_width_shape_the_tone() -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((2, 1 << 16)).astype(np.float32) * np.float32(0.1)

    def bands(profile: MixProfile) -> tuple[float, float, float]:
        audio = noise.copy()
        mastering.shape(audio, profile, RATE)
        power = np.abs(np.fft.rfft(audio.sum(axis=0))) ** 2
        hz = np.fft.rfftfreq(audio.shape[1], 1 / RATE)
        parts = [(hz > low) & (hz < high) for low, high in ((20, 60), (600, 1500), (12e3, 18e3))]
        low, middle, high = (10 * np.log10(power[part].mean()) for part in parts)
        return float(low - middle), float(high - middle), float((audio[0] - audio[1]).std())

    flat, dark = bands(MixProfile()), bands(MixProfile(low_db=3.0, high_db=-6.0, width=0.5))
    assert dark[0] - flat[0] == pytest.approx(3, abs=0.6)
    assert dark[1] - flat[1] == pytest.approx(-6, abs=0.6)
    assert 0.2 * flat[2] < dark[2] < 0.55 * flat[2]


def test_saturation_rounds_peaks_and_spares_what_is_soft() -> None:
    audio = np.array([[0.01, 0.5, -0.5, 3.0]], np.float32)
    warm = audio.copy()
    mastering.saturate(warm, 1.0)
    assert warm[0, 0] == pytest.approx(0.01, rel=0.01)
    assert 0.2 < warm[0, 1] < 0.4 and warm[0, 2] == -warm[0, 1] and warm[0, 3] < 0.36
    clean = audio.copy()
    mastering.saturate(clean, 0.0)
    np.testing.assert_array_equal(clean, audio)


def test_filters_open_through_a_build_and_end_open() -> None:
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((2, 4 * RATE)).astype(np.float32)
    swept = noise.copy()
    mastering.open_filter(swept, RATE)
    bright = [np.diff(swept[0, at * RATE + RATE // 2 :][: RATE // 2]).std() for at in (0, 2, 3)]
    assert bright[0] < 0.3 * bright[2] and bright[0] < bright[1] < bright[2]
    np.testing.assert_allclose(swept[:, -50:], noise[:, -50:], atol=0.05)
    np.testing.assert_allclose(swept[:, :1], noise[:, :1], atol=1e-5)


def test_tape_wobbles_the_pitch_a_little() -> None:
    time = np.arange(4 * RATE) / RATE
    tone = np.stack([np.sin(2 * np.pi * 1000 * time)] * 2).astype(np.float32)
    mastering.shape(tone, MixProfile(wow_seconds=0.0007), RATE)
    crossings = np.flatnonzero(np.diff(np.signbit(tone[0, RATE // 10 :])))
    periods = np.diff(crossings[::2][::20]) / 20 / RATE
    assert 0.0005 < np.ptp(periods) * 1000 < 0.02


def test_plates_are_dense_at_once_and_halls_late() -> None:
    def centre(kind: str) -> float:
        power = np.square(mixing.room(3, 1.5, RATE, kind)).sum(axis=0)
        return float(np.argmax(np.cumsum(power) > 0.1 * power.sum()) / RATE)

    assert centre("plate") < centre("room") < centre("hall")


@pytest.mark.parametrize("voice", FX_VOICES)
def test_transitions_fill_their_note_and_follow_their_seed(voice: str) -> None:
    notes = [Note(0.5, 2.0, 60, 100)]
    first, again, other = (render_fx(voice, notes, seed, 3 * RATE, RATE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not first[:, : int(0.49 * RATE)].any() and not first[:, int(2.6 * RATE) :].any()
    early = first[:, int(0.6 * RATE) : int(1.2 * RATE)].std()
    late = first[:, int(1.8 * RATE) : int(2.4 * RATE)].std()
    assert (late > early) == (voice == "riser")


def test_styles_differ_in_loudness_and_none_clips() -> None:
    found = []
    for index, style in enumerate(("techno", "lo-fi hip hop", "chamber strings", "metal")):
        score = compose(draw_plan(style=style, seconds=12, seed=20 + index))
        mix = render(score, RATE, stems=False).mix
        assert np.isfinite(mix).all() and np.abs(mix).max() <= 10 ** (-1 / 20)
        found.append(mixing.loudness_lufs(mix, RATE))
    assert max(found) - min(found) > 4 and min(found) > -24 and max(found) < -9


def test_a_swept_build_sums_from_its_stems() -> None:
    plans = (draw_plan(style="trance", seconds=60, seed=seed) for seed in range(20))
    plan = next(p for p in plans if any(section.name == "build" for section in p.sections))
    score = compose(plan)
    rendered = render(score, RATE)
    np.testing.assert_allclose(sum(rendered.stems.values()), rendered.mix, atol=1e-5)
    np.testing.assert_allclose(render(score, RATE, stems=False).mix, rendered.mix, atol=1e-3)
