"""The linear paths of the spectral autoencoder, fitted to audio before any training step."""

import math
from collections.abc import Iterable

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from longform.autoencoder.head import BINS, HEAD_HOP, HEAD_WINDOW
from longform.autoencoder.interface import pad_to_hop
from longform.autoencoder.noise import even_noise
from longform.autoencoder.spectral import Spectral
from longform.autoencoder.tones import ToneListener

_FLOOR = 1e-4
TONES_UP = 0.4
"""Natural log by which the fitted tones are raised, for fits of logarithms come out too quiet."""
BINS_DOWN, BINS_DOWN_HZ = 2.0, (500.0, 2500.0)
"""How far the own spectrum steps back where the tones sound, and where it ends doing so."""
CHANCE = -1.0
"""Log-deviation of the noise on the phases: little, attacks are to stay sharp."""


@torch.no_grad()
def start_from_data(network: Spectral, batches: Iterable[Tensor]) -> float:
    """Principal components in, least squares out: to magnitudes, and to tones where it has them.

    Args:
        batches: audio batches (b, c, t); some minutes of varied audio are enough.

    Returns:
        The share of the band features' variance that the latents keep.
    """
    config = network.config
    listener = ToneListener(config.tones, config.sample_rate, config.hop_samples)
    inputs, magnitudes, tones = [], [], []
    for audio in batches:
        audio = pad_to_hop(audio.float(), network.hop_samples)
        inputs.append(network.features(audio).flatten(0, 1))
        magnitudes.append(_by_latent(network, head_log_magnitude(network, audio)))
        if config.tones:
            tones.append(_by_latent(network, listener.to(audio.device).peaks(audio, HEAD_HOP)))
    features = torch.cat(inputs).double()
    mean = features.mean(0)
    variances, directions = torch.linalg.eigh(torch.cov((features - mean).T))
    kept = directions[:, -network.latent_channels :].flip(1)
    scale = variances[-network.latent_channels :].mean().sqrt()
    latents = (features - mean) @ kept / scale
    network.encoder.feature_mean.copy_(mean)
    network.encoder.linear.weight.copy_((kept / scale).T)
    fit_linear(network.decoder.linear, latents, torch.cat(magnitudes).double())
    if config.tones:
        fit_linear(network.decoder.tone_linear, latents, torch.cat(tones).double())
        network.decoder.tone_linear.bias.add_(TONES_UP)
        down = BINS_DOWN * (1 - _rise(network, *BINS_DOWN_HZ))
        network.decoder.linear.bias.view(-1, BINS).sub_(down)
    if config.noise:
        noise = network.head.even_noise
        noise.copy_(even_noise(noise.numel(), device=noise.device).view_as(noise))
        network.decoder.noise.bias.fill_(CHANCE)
    return float(variances[-network.latent_channels :].sum() / variances.sum())


def head_log_magnitude(network: Spectral, audio: Tensor) -> Tensor:
    """The log-magnitudes (b, c, f, n) that the head would need to rebuild audio (b, c, t)."""
    side = (HEAD_WINDOW - HEAD_HOP) // 2
    frames = functional.pad(audio, (side, side)).unfold(-1, HEAD_WINDOW, HEAD_HOP)
    return torch.log(torch.fft.rfft(frames * network.head.window).abs() + _FLOOR)


@torch.no_grad()
def fit_linear(layer: nn.Linear, inputs: Tensor, targets: Tensor) -> None:
    """Set a layer to the ridge regression of targets (n, m) on inputs (n, d), both float64."""
    design = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    products = design.T @ design
    products.diagonal().add_(1e-3 * len(design))
    solution = torch.linalg.solve(products, design.T @ targets)
    layer.weight.copy_(solution[:-1].T)
    layer.bias.copy_(solution[-1])


def _rise(network: Spectral, low_hz: float, high_hz: float) -> Tensor:
    """0 for bins up to `low_hz`, 1 from `high_hz`, a slope over the logarithm between; (BINS,)."""
    bins = torch.arange(BINS, device=network.decoder.linear.bias.device)
    hz = bins * network.sample_rate / HEAD_WINDOW
    return (torch.log(hz.clamp(min=1) / low_hz) / math.log(high_hz / low_hz)).clamp(0, 1)


def _by_latent(network: Spectral, frames: Tensor) -> Tensor:
    """Output frames (b, c, f*r, n) -> what one latent has to say of them, (b*f, r*c*n)."""
    rate = network.decoder.rates[-1]
    return rearrange(frames, "b c (f r) n -> (b f) (r c n)", r=rate)
