"""A training step names no device of its own: here everything lies on one that holds no numbers.

Tensors on torch's "meta" device have shapes alone, and adding, multiplying, joining or choosing
between such a tensor and one of the CPU is an error, as with CUDA. So what a step makes on the side
must be made where its data are.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from accelerate.utils import send_to_device

from longform.autoencoder.discriminator import DiscriminatorConfig
from longform.autoencoder.head import BINS
from longform.autoencoder.spectral import Spectral
from longform.autoencoder.spectral_start import _rise
from longform.train.autoencoder import AutoencoderTrainee
from longform.train.autoencoder_config import AutoencoderTrainConfig, CropConfig, LossConfig
from longform.train.config import OptimConfig, RunConfig
from longform.train.dit import DiTTrainee
from longform.train.trainee import Draw, Trainee
from tests.latents_folder import write_latents
from tests.test_train_dit import config as dit_config
from tests.tiny import SPECTRAL, tiny_bundle

META = torch.device("meta")


@pytest.fixture(autouse=True)
def no_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autocast does not know the device."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


def stepped(trainee: Trainee, phase: str, batch: Mapping[str, Any]) -> None:
    """Forward and backward on the device; every gradient is there."""
    loss = trainee.losses(phase, trainee.networks, batch, Draw(0, 0).generator())["loss"]
    loss.backward()
    assert loss.device == META


def test_the_denoiser(tmp_path: Path) -> None:
    pieces = {"one": (80, "train", {"kind": "effect"}), "two": (70, "train", {"kind": "effect"})}
    latents = write_latents(tmp_path, pieces)
    clap = tiny_bundle(tmp_path / "tiny").folder
    trainee = DiTTrainee(dit_config(latents, clap, tmp_path / "run"))
    trainee.prepare(torch.device("cpu"))
    trainee.denoiser.to(META)
    stepped(trainee, "dit", send_to_device(trainee.draw(Draw(0, 0)), META))


def test_the_autoencoder_and_its_discriminators(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    noise = np.random.default_rng(0).uniform(-1, 1, (50_000, 2))
    soundfile.write(corpus / "noise.flac", noise, 44_100)
    (corpus / "noise.json").write_text('{"split": "train"}')
    optimiser = OptimConfig(lr=1e-3)
    trainee = AutoencoderTrainee(
        AutoencoderTrainConfig(
            run=RunConfig(
                out=str(tmp_path / "run"),
                steps=1,
                batch=2,
                optimisers={"generator": optimiser, "discriminator": optimiser},
            ),
            data=CropConfig(folder=str(corpus), crop_samples=16_384),
            spectral=SPECTRAL,
            loss=LossConfig(spectral="sampled", fft_sizes=(512, 256), mel=1.0, pitch=1.0),
            discriminator=DiscriminatorConfig(fft_sizes=(256, 128), filters=4),
        )
    )
    for network in trainee.networks.values():
        network.to(META)
    trainee.prepare(META)
    batch = send_to_device(trainee.draw(Draw(0, 0)), META)
    for phase in ("discriminator", "generator"):
        stepped(trainee, phase, batch)


def test_the_start_from_data() -> None:
    network = Spectral(SPECTRAL).to(META)
    network.decoder.linear.bias.view(-1, BINS).sub_(1 - _rise(network, 500.0, 2500.0))
    assert _rise(network, 500.0, 2500.0).device == META
