"""The loss of decoders that beat with the latent rate, beside the evaluation's ear for it."""

import pytest
import torch
from torch import Tensor

from longform.autoencoder.pulse import PulseLoss
from longform.errors import UserError
from longform.train.evaluate.artefacts import hear_artefacts


def beating(depth: float, hop_samples: int, seed: int = 0) -> Tensor:
    """Noise (8, 2, 16 * hop) whose level goes up and down three times in every latent."""
    noise = torch.randn(8, 2, 16 * hop_samples, generator=torch.Generator().manual_seed(seed))
    turns = torch.arange(noise.shape[-1]) * (3 / hop_samples)
    return 0.1 * noise * (1 + depth * torch.cos(2 * torch.pi * turns))


@pytest.mark.parametrize("hop_samples", [2048, 4096])
def test_the_pulse_loss_hears_what_the_evaluation_hears(hop_samples: int) -> None:
    loss, even = PulseLoss(44100, hop_samples), beating(0.0, hop_samples)
    assert loss(even) < 0.1
    assert loss(beating(0.1, hop_samples)) > 0.5
    assert loss(torch.zeros(1, 2, 4 * hop_samples)) == 0
    beats = beating(0.1, hop_samples)
    assert loss(beats[..., 100:-100]) > 0.5, "the grid need not be known"
    signal = beats.transpose(0, 1).reshape(2, -1).numpy()
    assert hear_artefacts(signal, 44100, hop_samples).pulse["4-12 kHz"] > 2
    level = torch.zeros(hop_samples, requires_grad=True)  # in nepers, alike in every latent
    optimiser = torch.optim.Adam([level], lr=0.01)
    told = []
    for _ in range(15):
        optimiser.zero_grad()
        told.append(loss(beats * level.exp().repeat(16)))
        told[-1].backward()
        optimiser.step()
    assert told[-1] < 0.5 * told[0]


def test_held_sounds_are_not_lost_among_others() -> None:
    loss, samples = PulseLoss(44100, 4096), 16 * 4096
    time = torch.arange(samples) / 44100
    tones = torch.sin(
        2 * torch.pi * torch.outer(torch.tensor([440.0, 660, 2000, 2500, 6000]), time)
    )
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(1))
    held = 0.05 * tones.sum(0) + 0.003 * noise
    signals = beating(0.0, 4096).flatten(0, 1).repeat(2, 1)
    signals *= 1 + 4 * (2.3 * time % 1 < 0.1)  # thirty-two that are far from even
    signals[:2] = held
    assert loss(signals[:, None]) < 0.05
    signals[:2] *= 1 + 0.02 * torch.cos(2 * torch.pi * 3 / 4096 * torch.arange(samples))
    assert loss(signals[:, None]) > 0.1


def test_longer_crops_tell_a_fainter_pulse() -> None:
    """A tooth is one bin wide, and between the teeth lie as many bins as there are latents."""
    loss, told = PulseLoss(44100, 4096), []
    for latents in (16, 48):
        time = torch.arange(latents * 4096) / 4096
        noise = torch.randn(8, 2, len(time), generator=torch.Generator().manual_seed(2))
        told.append(float(loss(0.1 * noise * (1 + 0.03 * torch.cos(2 * torch.pi * 3 * time)))))
    assert told[1] > 2 * told[0]


def test_the_pulse_loss_needs_latents_that_last() -> None:
    with pytest.raises(UserError, match=r"loss\.pulse is for latents of 1024 samples or more"):
        PulseLoss(44100, 512)
