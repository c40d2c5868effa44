"""Reconstruction distances: equal to auraloss, right on known cases, and reported by style."""

import json
from pathlib import Path

import pytest
import torch
from auraloss.time import SISDRLoss
from evaluate_music import SAMPLE_RATE, piece
from torch import Tensor

from longform.autoencoder.bottleneck import Posterior
from longform.music.theory import Key
from longform.train.evaluate.autoencoder import (
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
    for name, style in (("a", "rock"), ("b", "rock"), ("c", "house")):
        piece(110, Key.parse("C major"), 11.0).save(tmp_path / f"{name}.flac", bits=16)
        facts = {"style": style, "split": "test"}
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    report = evaluate_autoencoder(Halver(), tmp_path, count=40, seed=0, seconds=2.0)
    assert report["pieces"] == 3
    assert set(report["styles"]) == {"rock", "house"}
    # Half the level everywhere: convergence 0.5, log magnitude up to ln 2 (less at the floor).
    assert report["mean"]["stft"] == pytest.approx(1.1, abs=0.1)
    assert report["mean"]["si_sdr_db"] > 60
    printed = autoencoder_table(report | {"model": "halver"})
    assert "mean of 3" in printed and "1.190" in printed
