"""Reconstruction distances: equal to auraloss, right on known cases, and reported by style."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from auraloss.time import SISDRLoss
from evaluate_music import SAMPLE_RATE, piece
from torch import Tensor

from longform.audio import Waveform
from longform.autoencoder.bottleneck import Posterior
from longform.music.theory import Key
from longform.train.evaluate.artefacts import LEVELS_DB, hear_artefacts
from longform.train.evaluate.autoencoder import (
    chroma_cosine,
    compare,
    evaluate_autoencoder,
    reconstruct,
    si_sdr_db,
)
from longform.train.evaluate.tables import autoencoder_table


class Halver:
    """An autoencoder without loss but for the level: one latent per sample, decoded at half."""

    sample_rate, channels, hop_samples, latent_channels = SAMPLE_RATE, 2, 1024, 2048
    encode_margin_frames = decode_margin_frames = 0
    align_frames = 1
    latent_rate_hz = SAMPLE_RATE / 1024

    def encode(self, audio: Tensor) -> Posterior:
        audio = torch.nn.functional.pad(audio, (0, -audio.shape[-1] % 1024))
        mean = audio.unflatten(-1, (-1, 1024)).permute(0, 1, 3, 2).flatten(1, 2)
        return Posterior(mean, torch.zeros_like(mean))

    def decode(self, latents: Tensor) -> Tensor:
        blocks = latents.unflatten(1, (2, 1024)).permute(0, 1, 3, 2)
        return 0.5 * blocks.flatten(2)


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    original = torch.from_numpy(piece(110, Key.parse("C major"), 3.0).samples)[None]
    return original + 0.01 * torch.randn_like(original), original


def test_si_sdr_is_auraloss_with_the_sign_turned(pair: tuple[Tensor, Tensor]) -> None:
    assert si_sdr_db(*pair) == pytest.approx(-float(SISDRLoss()(*pair)), abs=1e-3)


def test_si_sdr_of_known_noise_ignores_scale(pair: tuple[Tensor, Tensor]) -> None:
    _, original = pair
    noise = torch.randn(original.shape, generator=torch.Generator().manual_seed(1))
    noise *= 0.1 * original.std(-1, keepdim=True)
    noisy = original + noise
    assert si_sdr_db(noisy, original) == pytest.approx(20, abs=0.3)
    assert si_sdr_db(0.1 * noisy, original) == pytest.approx(si_sdr_db(noisy, original), abs=1e-2)


def test_distances_of_the_same_are_zero_and_grow_with_noise(pair: tuple[Tensor, Tensor]) -> None:
    noisy, original = pair
    same = compare(original, original, SAMPLE_RATE)
    assert same.stft == same.mel == 0
    a_little = compare(noisy, original, SAMPLE_RATE)
    more = compare(noisy + 0.1 * torch.randn_like(noisy), original, SAMPLE_RATE)
    assert 0 < a_little.stft < more.stft and 0 < a_little.mel < more.mel


def test_reconstruction_has_the_length_of_the_original(pair: tuple[Tensor, Tensor]) -> None:
    audio = pair[1][..., :100_003]
    assert torch.equal(reconstruct(Halver(), audio), 0.5 * audio)


def test_report_by_style(tmp_path: Path) -> None:
    for name, style, key in (
        ("a", "rock", "C major"),
        ("b", "rock", "A minor"),
        ("c", "house", ""),
    ):
        piece(110, Key.parse("C major"), 11.0).save(tmp_path / f"{name}.flac", bits=16)
        facts = {"style": style, "split": "test", "key": key}
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    seen: list[float] = []
    report = evaluate_autoencoder(
        Halver(), tmp_path, count=40, seed=0, seconds=6.0,
        also=lambda recording, decoded: seen.append(decoded.peak_db - recording.peak_db),
    )  # fmt: skip
    assert seen == pytest.approx([-6.02] * 3, abs=0.01)
    assert report["pieces"] == 3
    assert set(report["styles"]) == {"rock", "house"}
    # Half the level everywhere: convergence 0.5, log magnitude up to ln 2 (less at the floor).
    assert report["mean"]["stft"] == pytest.approx(1.1, abs=0.1)
    assert report["mean"]["si_sdr_db"] > 60
    assert report["mean"]["chroma_cosine"] > 0.99
    rock = report["styles"]["rock"]
    assert (rock["key_recording"], rock["key_exact"], rock["key_relative"]) == (0.5, 0.5, 0.5)
    assert "key_exact" not in report["styles"]["house"], "its key is not known"
    assert report["artefacts"]["ring"]["alarm_share"] == {"recording": 0, "decoded": 0}
    printed = autoencoder_table(report | {"model": "halver"})
    assert "mean of 3" in printed and "1.190" in printed and "ring, decoded" in printed


def test_chroma_hear_a_semitone_and_no_level() -> None:
    original = piece(110, Key.parse("C major"), 6.0)
    quiet = Waveform(0.3 * original.samples, SAMPLE_RATE)
    assert chroma_cosine(quiet, original) > 0.99
    semitone = Waveform(original.samples, round(SAMPLE_RATE * 2 ** (1 / 12))).resampled(SAMPLE_RATE)
    count = semitone.samples.shape[1]
    shorter = Waveform(original.samples[:, :count], SAMPLE_RATE)
    assert chroma_cosine(semitone, shorter) < 0.8


HOP = 4096


def repeated(samples: np.ndarray, hop: int, share: float) -> np.ndarray:
    """`samples` (c, t) whose noise repeats every `hop` samples, under steady noise of 1 - share."""
    rng = np.random.default_rng(0)
    steady = rng.standard_normal(samples.shape)
    tile = np.tile(rng.standard_normal((len(samples), hop)), -(-samples.shape[1] // hop))
    return (share * tile[:, : samples.shape[1]] + (1 - share) * steady).astype(np.float32)


def test_music_and_noise_raise_no_alarm() -> None:
    music = piece(110, Key.parse("C major"), 8.0).samples
    assert hear_artefacts(music, SAMPLE_RATE, HOP).alarms() == ()
    noise = repeated(music, HOP, 0.0)
    found = hear_artefacts(noise, SAMPLE_RATE, HOP)
    assert found.alarms() == ()
    assert all(abs(value) < 0.5 for value in found.ring.values())
    silence = hear_artefacts(np.zeros((2, SAMPLE_RATE), np.float32), SAMPLE_RATE, HOP)
    assert silence.alarms() == ()


def test_what_repeats_with_every_latent_rings_and_pulses() -> None:
    music = piece(110, Key.parse("C major"), 8.0).samples
    whole = hear_artefacts(repeated(music, HOP, 1.0), SAMPLE_RATE, HOP)
    assert {"ring", "pulse"} <= set(whole.alarms())
    assert min(whole.ring.values()) > 10
    faint = hear_artefacts(repeated(music, HOP, 0.3), SAMPLE_RATE, HOP)
    assert LEVELS_DB["ring"] < min(faint.ring.values()) < 6, "7 dB under steady noise"
    other = hear_artefacts(repeated(music, 3000, 1.0), SAMPLE_RATE, HOP)
    assert max(other.ring.values()) < LEVELS_DB["ring"], "another rate is not the decoder's"


def test_what_repeats_with_every_frame_buzzes() -> None:
    music = piece(110, Key.parse("C major"), 8.0).samples
    found = hear_artefacts(repeated(music, 512, 0.4), SAMPLE_RATE, HOP)
    assert "buzz" in found.alarms() and "60-250 Hz" not in found.buzz
    assert "buzz" not in hear_artefacts(repeated(music, HOP, 1.0), SAMPLE_RATE, HOP).alarms()
