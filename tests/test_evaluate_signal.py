"""Silence, clipping, static noise, stereo, form, seams: an alarm rings for its own fault only."""

from pathlib import Path

import numpy as np
import pytest
from evaluate_music import SAMPLE_RATE, noise, piece

from longform.audio import Waveform
from longform.music.theory import Key
from longform.train.evaluate.plots import save_structure_plot
from longform.train.evaluate.signal import clipped_runs, measure_signal
from longform.train.evaluate.structure import (
    analyse_structure,
    join_percentile,
    largest_seam,
    novelty_curve,
    return_score,
)


@pytest.fixture(scope="module")
def music() -> Waveform:
    return piece(112, Key.parse("A minor"), 24.0)


def test_music_rings_no_alarm(music: Waveform) -> None:
    facts = measure_signal(music)
    assert not (facts.silent or facts.clipped or facts.static)
    assert facts.stereo_correct
    assert facts.peak_db == pytest.approx(-1.94, abs=0.02)
    assert facts.tail_silence_seconds < 0.5


def test_silence_is_silent_and_nothing_else() -> None:
    facts = measure_signal(Waveform(np.zeros((2, SAMPLE_RATE), dtype=np.float32), SAMPLE_RATE))
    assert facts.silent and not facts.clipped and not facts.static
    assert facts.tail_silence_seconds == 1.0


def test_noise_is_static_and_music_over_noise_is_not(music: Waveform) -> None:
    assert measure_signal(noise()).static
    hiss = noise(music.seconds, 0.003).samples
    assert not measure_signal(Waveform(music.samples + hiss, SAMPLE_RATE)).static


def test_clipping_needs_a_run_at_full_scale() -> None:
    samples = np.zeros((1, 100), dtype=np.float32)
    samples[0, 10] = 1.0
    samples[0, 20:22] = -1.0
    assert clipped_runs(samples) == 0
    samples[0, 97:100] = 1.0
    samples[0, 40:45] = -1.0
    assert clipped_runs(samples) == 2


def test_tail_of_silence_is_measured(music: Waveform) -> None:
    samples = music.samples.copy()
    samples[:, -3 * SAMPLE_RATE :] = 0
    assert measure_signal(Waveform(samples, SAMPLE_RATE)).tail_silence_seconds == pytest.approx(
        3, abs=0.3
    )


def test_stereo_faults(music: Waveform) -> None:
    left = music.samples[:1]
    same = Waveform(np.concatenate([left, left]), SAMPLE_RATE)
    opposed = Waveform(np.concatenate([left, -left]), SAMPLE_RATE)
    assert not measure_signal(same).stereo_correct
    assert not measure_signal(opposed).stereo_correct
    assert measure_signal(opposed).correlation == pytest.approx(-1)


def test_form_shows_its_boundary_and_its_return() -> None:
    first, second = Key.parse("C major"), Key.parse("F# minor")
    calm = piece(100, first, 32.0).samples
    other = 0.3 * piece(150, second, 32.0).samples
    form = Waveform(np.concatenate([calm, other, calm], axis=1), SAMPLE_RATE)
    structure = analyse_structure(form)
    assert len(structure.similarity) == 96
    assert any(abs(seconds - 32) <= 2 for seconds in structure.boundaries_seconds)
    assert any(abs(seconds - 64) <= 2 for seconds in structure.boundaries_seconds)
    assert structure.return_score > 0.6
    assert np.allclose(np.diag(structure.similarity), 1, atol=1e-5)


def test_return_score_is_low_when_nothing_returns() -> None:
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(80, 60))
    cells /= np.linalg.norm(cells, axis=1, keepdims=True)
    repeated = np.concatenate([cells[:40], cells[:40]])
    assert return_score(cells @ cells.T) < 0.25 < 0.6 < return_score(repeated @ repeated.T)


def test_novelty_peaks_where_two_blocks_meet() -> None:
    similarity = np.full((60, 60), -0.5)
    similarity[:30, :30] = similarity[30:, 30:] = 1
    assert int(np.argmax(novelty_curve(similarity))) in (29, 30)


def test_a_splice_is_an_audible_seam_and_music_has_none(music: Waveform) -> None:
    assert not largest_seam(music).audible
    samples = music.samples.copy()
    samples[:, 10 * SAMPLE_RATE :] += 0.4  # a step, as a bad join leaves it
    seam = largest_seam(Waveform(samples, SAMPLE_RATE))
    assert seam.audible
    assert seam.seconds == pytest.approx(10, abs=0.01)


def test_join_percentile_tells_a_change_from_none() -> None:
    low, high = noise(6.0, 0.02).samples, noise(6.0, 0.3).samples
    joined = Waveform(np.concatenate([low, high], axis=1), SAMPLE_RATE)
    assert join_percentile(joined, 6.0) > 99
    assert join_percentile(joined, 3.0) < 99


def test_picture_is_written(music: Waveform, tmp_path: Path) -> None:
    save_structure_plot(analyse_structure(music), tmp_path / "form.png", "a piece")
    assert (tmp_path / "form.png").read_bytes().startswith(b"\x89PNG")
