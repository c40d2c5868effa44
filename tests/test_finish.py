"""Finishing: the asked loudness, no peak above the ceiling, an ending in silence, nothing else."""

import numpy as np
import pyloudnorm
import pytest
import soxr

from longform.errors import UserError
from longform.finish import MAX_LIMITING_DB, Finishing, ending_seconds, finish, held_down_db
from longform.loudness import BLOCK, block_energies, block_true_peaks, integrated_lufs, true_peak
from longform.music.draw import draw_plan
from longform.waveform import Waveform, from_db, to_db

RATE = 44_100


def music(seconds: float, *, level: float = 0.05, hit: float = 1.0, seed: int = 0) -> Waveform:
    """A chord with a drum hit on each half second, hits `hit` times full scale."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    chord = sum(
        np.sin(2 * np.pi * hz * times + phase) for hz, phase in ((110, 0), (277, 1), (659, 2))
    )
    since = times % 0.5
    burst = np.exp(-since / 0.004) * np.sin(2 * np.pi * 1800 * since)
    noise = rng.standard_normal((2, len(times)))
    smooth = np.apply_along_axis(lambda row: np.convolve(row, np.ones(8) / 8, "same"), 1, noise)
    samples = level * (chord + 0.3 * smooth) + hit * burst
    return Waveform(samples.astype(np.float32), RATE)


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_loudness_is_that_of_the_reference_meter(rate: int, channels: int) -> None:
    rng = np.random.default_rng(channels)
    swell = np.sin(np.linspace(0, 8, 5 * rate + 123)) ** 2  # so that both gates have work
    samples = (0.2 * swell * rng.standard_normal((channels, len(swell)))).astype(np.float32)
    ours = integrated_lufs(block_energies(samples, rate), samples.shape[1], rate)
    theirs = pyloudnorm.Meter(rate).integrated_loudness(samples.T)
    assert ours == pytest.approx(theirs, abs=0.01)


def test_loudness_of_nothing_is_none() -> None:
    assert Waveform(np.zeros((2, RATE), np.float32), RATE).loudness_lufs() is None
    assert Waveform(np.ones((2, 100), np.float32), RATE).loudness_lufs() is None
    assert Waveform(np.zeros((2, 0), np.float32), RATE).true_peak_db == -120


def test_true_peaks_are_those_between_the_samples() -> None:
    times = np.arange(RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * RATE / 4 * times + np.pi / 4)  # no sample hits the crest
    assert np.abs(tone).max() == pytest.approx(0.354, abs=1e-3)
    assert true_peak(tone[None].astype(np.float32)[:, 500:-500]) == pytest.approx(0.5, rel=0.02)
    wave = music(2.0)
    dense = soxr.resample(wave.samples.T, 1, 4, quality="VHQ")
    assert true_peak(wave.samples) == pytest.approx(float(np.abs(dense).max()), rel=1e-3)
    peaks = block_true_peaks(wave.samples)
    assert peaks.shape == (-(-wave.samples.shape[1] // BLOCK),)
    at = int(np.argmax(np.abs(dense).max(axis=1))) // (4 * BLOCK)
    assert abs(int(peaks.argmax()) - at) <= 1


@pytest.mark.parametrize("lufs", [-23.0, -14.0, -11.0])
def test_a_piece_gets_the_asked_loudness_under_the_ceiling(lufs: float) -> None:
    wave = music(8.0, hit=0.5)
    done = finish(wave, lufs=lufs)
    measured = pyloudnorm.Meter(RATE).integrated_loudness(done.waveform.samples.T)
    assert measured == pytest.approx(lufs, abs=0.1)
    assert done.lufs_after == pytest.approx(measured, abs=0.01)
    dense = soxr.resample(done.waveform.samples.T, 1, 8, quality="VHQ")
    assert to_db(float(np.abs(dense).max())) <= -1.0 + 0.05
    assert done.waveform.samples.shape == wave.samples.shape
    assert done.lufs_before is not None
    assert done.gain_db == pytest.approx(lufs - done.lufs_before, abs=3)


def test_transients_are_held_down_and_the_rest_is_not_turned_down() -> None:
    wave = music(6.0, level=0.08, hit=3.0)  # hits 10 dB over full scale
    done = finish(wave, lufs=None, fade_out_seconds=0)
    assert done.true_peak_before_dbtp > 8 and done.gain_db == 0
    assert done.true_peak_after_dbtp < -0.999 and 9 < done.limited_db <= 12
    between = slice(round(0.45 * RATE), round(0.49 * RATE))  # 450 ms after a hit
    ratio = np.abs(done.waveform.samples[:, between]).max() / np.abs(wave.samples[:, between]).max()
    assert ratio > 0.95
    assert finish(music(3.0, level=0.01, hit=0.1), lufs=None).limited_db == 0


def test_loudness_gives_way_before_transients_are_crushed() -> None:
    done = finish(music(6.0, level=0.004, hit=1.0), lufs=-14)
    assert done.limited_db == pytest.approx(MAX_LIMITING_DB, abs=0.01)
    assert done.lufs_after < -15 and done.true_peak_after_dbtp < -0.999
    assert finish(music(3.0, level=1e-3, hit=0), lufs=-14).gain_db == 24
    silence = Waveform(np.zeros((2, RATE), np.float32), RATE)
    assert finish(silence).gain_db == 0 and not finish(silence).waveform.samples.any()


def test_the_limiter_gives_every_block_at_least_what_it_asks_for_and_moves_smoothly() -> None:
    rng = np.random.default_rng(3)
    peaks = (0.5 + 2.5 * (rng.random(4_000) > 0.995)).astype(np.float32)
    held = held_down_db(peaks, 1.0, RATE)
    asked = 20 * np.log10(np.maximum(peaks, 1.0))
    assert (held >= asked - 1e-5).all() and held.max() == pytest.approx(asked.max(), abs=1e-5)
    assert np.abs(np.diff(held)).max() < 0.5 * asked.max()
    far = np.flatnonzero(np.convolve(peaks > 1, np.ones(1_601), "same") == 0)
    assert (held[far] < 0.1).all() if len(far) else True


def test_both_channels_are_held_down_alike() -> None:
    wave = music(3.0, hit=2.0)
    left_only = Waveform(wave.samples * np.array([[1.0], [0.05]], np.float32), RATE)
    done = finish(left_only, lufs=None, fade_out_seconds=0).waveform.samples
    loud = np.abs(left_only.samples).min(axis=0) > 1e-3
    gains = done[:, loud] / left_only.samples[:, loud]
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-4)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 4.0, 12.0, 12.3456])
@pytest.mark.parametrize("end", [None, 0.5, 0.8, 1.0])
def test_the_end_is_silent_and_the_length_exact(seconds: float, end: float | None) -> None:
    wave = music(seconds, hit=0.2)
    done = finish(wave, end_seconds=None if end is None else end * seconds).waveform
    assert done.samples.shape == wave.samples.shape
    assert np.abs(done.samples[:, -1]).max() < 1e-3
    if end is not None:
        silence = round(0.05 * min(seconds, 10.0) * RATE) - 1
        assert not done.samples[:, -silence:].any()


def test_the_music_rings_out_after_its_end() -> None:
    done = finish(music(20.0, level=0.2, hit=0), lufs=None, end_seconds=12.0).waveform.samples
    level = [np.abs(done[:, round(t * RATE) : round((t + 0.1) * RATE)]).max() for t in (11, 13, 14)]
    assert level[1] > 0.9 * level[0] and 0.02 < level[2] / level[0] < 0.8
    assert not done[:, round(14.51 * RATE) :].any()


def test_a_loop_is_not_faded() -> None:
    wave = music(2.0, hit=0.1)
    done = finish(wave, lufs=None, fade_out_seconds=0).waveform
    np.testing.assert_array_equal(done.samples, wave.samples)
    faded = finish(wave, lufs=None, fade_in_seconds=1.0).waveform.samples
    assert not faded[:, 0].any() and np.abs(faded[:, 22_050]).max() < np.abs(wave.samples).max()


def test_finishing_is_deterministic() -> None:
    assert finish(music(3.0)).waveform.sha256 == finish(music(3.0)).waveform.sha256


@pytest.mark.parametrize("seconds", [4.0, 15.0, 30.0, 61.5, 180.0])
@pytest.mark.parametrize("bpm", [None, 61.0, 124.0])
def test_a_plan_leaves_room_for_a_whole_ending(seconds: float, bpm: float | None) -> None:
    for seed in range(6):
        tail = ending_seconds(seconds)
        plan = draw_plan(seconds=seconds, seed=seed, bpm=bpm, tail_seconds=tail)
        assert plan.bars == 1 or seconds - plan.end_seconds >= tail - 1e-6
        assert seconds - plan.end_seconds < tail + plan.bar_seconds + 1e-6


@pytest.mark.parametrize(
    "settings",
    [{"lufs": 0.0}, {"lufs": float("nan")}, {"true_peak_dbtp": 3.0}, {"fade_in_seconds": -1.0}],
)
def test_levels_that_no_piece_should_have_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UserError, match="is outside"):
        Finishing(**settings)


def test_decibels() -> None:
    assert to_db(from_db(-6.0)) == pytest.approx(-6.0)
