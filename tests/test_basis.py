"""Latents in another autoencoder's basis: the same sound, latents that older denoisers know."""

import copy

import torch
from torch import nn

from longform.autoencoder.basis import take_basis
from longform.autoencoder.spectral import Spectral, SpectralConfig

CONFIG = SpectralConfig(
    latent_channels=6,
    encoder_width=16,
    encoder_depth=1,
    decoder_widths=(16, 8, 8),
    decoder_depths=(1, 1, 1),
    tones=96,
    noise=True,
)


def test_the_latents_are_the_references_and_the_sound_is_its_own() -> None:
    torch.manual_seed(0)
    network = Spectral(CONFIG).eval()
    nn.init.normal_(network.encoder.project_out.weight, std=0.05)
    nn.init.normal_(network.decoder.tone_linear.weight, std=0.05)
    reference = copy.deepcopy(network)
    turn, shift = torch.eye(6) + 0.3 * torch.randn(6, 6), torch.randn(6)
    with torch.no_grad():
        reference.encoder.linear.weight.copy_(turn @ reference.encoder.linear.weight)
        out = reference.encoder.project_out
        out.weight[:6], out.bias[:6] = turn @ out.weight[:6], turn @ out.bias[:6] + shift
    audio = 0.1 * torch.randn(4, 2, 30 * CONFIG.hop_samples)
    before = network.decode(network.encode(audio).mean)
    deviation = network.encode(audio).std
    assert take_basis(network, reference, [audio[:2], audio[2:]]) < 1e-6
    after = network.encode(audio)
    torch.testing.assert_close(after.mean, reference.encode(audio).mean, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(after.std, deviation)
    torch.testing.assert_close(network.decode(after.mean), before, atol=1e-3, rtol=1e-3)


def test_what_no_map_brings_together_is_told() -> None:
    torch.manual_seed(0)
    network, other = Spectral(CONFIG).eval(), Spectral(CONFIG).eval()
    for each in (network, other):
        nn.init.normal_(each.encoder.project_out.weight, std=0.5)
    audio = 0.1 * torch.randn(2, 2, 40 * CONFIG.hop_samples)
    assert take_basis(network, other, [audio]) > 0.05
