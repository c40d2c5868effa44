"""Latents in another autoencoder's basis: the same sound, latents that older denoisers know."""

import copy

import torch
from torch import nn

from longform.autoencoder.basis import take_basis
from longform.autoencoder.spectral import Spectral
from tests.tiny import LATENT_CHANNELS, SPECTRAL


def test_the_latents_are_the_references_and_the_sound_is_its_own() -> None:
    torch.manual_seed(0)
    network = Spectral(SPECTRAL).eval()
    nn.init.normal_(network.encoder.project_out.weight, std=0.05)
    nn.init.normal_(network.decoder.tone_linear.weight, std=0.05)
    reference = copy.deepcopy(network)
    n = LATENT_CHANNELS
    turn, shift = torch.eye(n) + 0.3 * torch.randn(n, n), torch.randn(n)
    with torch.no_grad():
        reference.encoder.linear.weight.copy_(turn @ reference.encoder.linear.weight)
        out = reference.encoder.project_out
        out.weight[:n], out.bias[:n] = turn @ out.weight[:n], turn @ out.bias[:n] + shift
    audio = 0.1 * torch.randn(4, 2, 30 * SPECTRAL.hop_samples)
    before = network.decode(network.encode(audio).mean)
    deviation = network.encode(audio).std
    assert take_basis(network, reference, [audio[:2], audio[2:]]) < 1e-6
    after = network.encode(audio)
    torch.testing.assert_close(after.mean, reference.encode(audio).mean, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(after.std, deviation)
    torch.testing.assert_close(network.decode(after.mean), before, atol=1e-3, rtol=1e-3)


def test_what_no_map_brings_together_is_told() -> None:
    torch.manual_seed(0)
    network, other = Spectral(SPECTRAL).eval(), Spectral(SPECTRAL).eval()
    for each in (network, other):
        nn.init.normal_(each.encoder.project_out.weight, std=0.5)
    audio = 0.1 * torch.randn(2, 2, 40 * SPECTRAL.hop_samples)
    assert take_basis(network, other, [audio]) > 0.05
