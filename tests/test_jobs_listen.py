"""What is heard: tempo and phase of a beat, triads, and how much of one recording is in another."""

import numpy as np
import pytest

from longform.listen.beat import hear_beat
from longform.listen.chords import hear_triads
from longform.listen.describe import RATE_HZ, describe, smoothed
from longform.listen.key import hear_key
from longform.listen.retention import retention
from longform.listen.seam import measure_seam
from longform.music.theory import QUALITIES
from longform.waveform import Waveform

HZ = 32_000


def clicks(bpm: float, first_seconds: float, seconds: float = 12.0) -> Waveform:
    rng = np.random.default_rng(0)
    samples = 1e-3 * rng.standard_normal(round(seconds * HZ))
    for at in np.arange(first_seconds, seconds - 0.1, 60 / bpm):
        burst = rng.standard_normal(800) * np.exp(-np.arange(800) / 150)
        samples[round(at * HZ) :][:800] += 0.3 * burst
    return Waveform(samples[None].astype(np.float32), HZ)


def chord(root: int, quality: str, seconds: float = 2.0) -> np.ndarray:
    """A triad of decaying harmonics with its root in the bass; root 0 is C."""
    times = np.arange(round(seconds * HZ)) / HZ
    notes = [root + 60 + step for step in QUALITIES[quality]] + [root + 36]
    hz = [440 * 2 ** ((note - 69) / 12) for note in notes]
    tones = [np.sin(2 * np.pi * f * n * times) / n for f in hz for n in (1, 2, 3)]
    return 0.05 * np.sum(tones, axis=0)


@pytest.mark.parametrize(("bpm", "first"), [(97.0, 0.2), (124.0, 0.05), (150.5, 0.31)])
def test_the_beat_of_clicks_has_its_tempo_and_phase(bpm: float, first: float) -> None:
    beat = hear_beat(describe(clicks(bpm, first)).onset)
    assert beat is not None and abs(beat.bpm / bpm - 1) < 0.003
    away = (beat.first_seconds - first) * bpm / 60
    assert abs(away - round(away)) < 0.08, "beats lie on the clicks"
    assert beat.phase(np.array([beat.first_seconds + 60 / beat.bpm]))[0] == pytest.approx(1)


def test_noise_and_silence_have_no_beat() -> None:
    rng = np.random.default_rng(1)
    for seconds in (3, 12):
        noise = Waveform(0.1 * rng.standard_normal((2, seconds * HZ)).astype(np.float32), HZ)
        assert hear_beat(describe(noise).onset) is None
    silent = describe(Waveform(np.zeros((1, 3 * HZ), np.float32), HZ))
    assert hear_beat(silent.onset) is None and not silent.chroma.any()
    assert not hear_triads(silent)[0].any()


def test_triads_and_bass_notes_are_heard_when_they_sound() -> None:
    parts = [(9, "m"), (5, ""), (0, ""), (7, "")]
    wave = np.concatenate([chord(*part) for part in parts])
    chords, bass = hear_triads(describe(Waveform(wave[None].astype(np.float32), HZ)))
    for number, (root, quality) in enumerate(parts):
        row = round((2 * number + 1) * RATE_HZ)
        wanted = {(root + step) % 12 for step in QUALITIES[quality]}
        assert set(np.flatnonzero(chords[row])) == wanted
        assert np.flatnonzero(bass[row]).tolist() == [root]


def cadence(tonic: int, minor: bool) -> Waveform:
    """The three chords of a key, the tonic at both ends."""
    quality = "m" if minor else ""
    parts = [(0, quality), (5, quality), (7, ""), (0, quality)]
    wave = np.concatenate([chord((tonic + step) % 12, kind) for step, kind in parts])
    return Waveform(wave[None].astype(np.float32), HZ)


@pytest.mark.parametrize(("tonic", "name"), [(9, "A"), (2, "D"), (7, "G")])
def test_the_key_of_a_cadence_is_heard_and_drums_have_none(tonic: int, name: str) -> None:
    assert str(hear_key(describe(cadence(tonic, minor=False)))) == f"{name} major"
    assert str(hear_key(describe(cadence(tonic, minor=True)))) == f"{name} minor"
    assert hear_key(describe(clicks(120.0, 0.1))) is None


def test_retention_sees_each_of_its_three_sides() -> None:
    rng = np.random.default_rng(0)
    parts = [chord(9, "m"), 0.3 * chord(5, ""), chord(0, ""), 0.3 * chord(7, "")]
    tones = np.concatenate(parts)[: 8 * HZ]
    drums = clicks(120.0, 0.1, 8.0).samples[0]
    mix = Waveform((tones + drums)[None].astype(np.float32), HZ)
    same = retention(describe(mix), describe(mix))
    assert min(same.chroma, same.onset, same.loudness) > 0.999
    assert same.tempo_before_bpm == same.tempo_after_bpm
    assert same.key_before == same.key_after is not None
    shifted = np.concatenate([chord(root, "m") for root in (3, 8, 1, 6)])
    other = Waveform((shifted + np.roll(drums, HZ // 4))[None].astype(np.float32), HZ)
    less = retention(describe(mix), describe(other))
    assert less.chroma < 0.4 and less.onset < 0.4 and less.loudness < 0.6
    noise = Waveform(0.1 * rng.standard_normal((1, 8 * HZ)).astype(np.float32), HZ)
    none = retention(describe(mix), describe(noise))
    assert max(abs(none.chroma), none.onset, abs(none.loudness)) < 0.35


def test_smoothing_keeps_length_and_constants() -> None:
    curve = np.ones((50, 3))
    for seconds in (0.01, 0.1, 3.0):
        assert np.allclose(smoothed(curve, seconds), 1) and smoothed(curve, seconds).shape == (
            50,
            3,
        )
    assert int(np.argmax(smoothed(np.eye(1, 51, 25)[0], 0.2))) == 25


def test_a_seam_is_measured_against_the_rest() -> None:
    wave = np.sin(np.arange(4000) / 20)[None].astype(np.float32)
    wave[:, 2000:] += 0.5
    assert measure_seam(wave, 2000, 1000).ratio > 8
    assert measure_seam(wave, 2000, 1000).at_seconds == 2.0
    assert measure_seam(wave, 1000, 1000).ratio < 1.1
