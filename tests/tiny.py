"""A whole model of random weights, small enough to make in every test session."""

import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

import longform.clap
from longform.autoencoder.build import build
from longform.autoencoder.spectral import SpectralConfig
from longform.bundle import Bundle, write_bundle
from longform.clap.config import AudioConfig, ClapConfig, TextConfig
from longform.clap.model import Clap
from longform.config import from_mapping, to_mapping
from longform.dit.conditioner import Conditioner
from longform.dit.config import ConditionerConfig, DiTConfig, GuideFeature
from longform.dit.model import DiT
from longform.manifest import FORMAT, AutoencoderPart, Defaults, Manifest, NetworkPart
from longform.music.guide import FEATURES, GUIDE_FEATURES

LATENT_CHANNELS = 4
WIDTH = 16
AUTOENCODER = {
    "hop_samples": 4096,
    "latent_channels": LATENT_CHANNELS,
    "encoder_width": WIDTH,
    "encoder_depth": 1,
    "decoder_widths": [WIDTH, WIDTH, WIDTH],
    "decoder_depths": [1, 1, 1],
    "tones": 48,
    "noise": True,
}
SPECTRAL = from_mapping(SpectralConfig, AUTOENCODER)
CLAP = ClapConfig(
    embedding_width=WIDTH,
    text=TextConfig(table_width=8, width=WIDTH, layers=2, heads=2),
    audio=AudioConfig(width=WIDTH, conv_blocks=1, layers=1, heads=2),
)
CONDITIONER = ConditionerConfig(
    text_width=WIDTH,
    token_width=WIDTH,
    project_text=True,
    mask_text=True,
    controls=True,
    global_text=True,
    guide_features=tuple(
        GuideFeature(name=name, start=one.start, stop=one.stop)
        for name, one in GUIDE_FEATURES.items()
    ),
    position_features=True,
    latent_rate_hz=44_100 / 4096,
)
DIT = DiTConfig(
    io_channels=LATENT_CHANNELS,
    width=32,
    depth=2,
    heads=2,
    cond_token_width=WIDTH,
    cross_heads=1,
    global_width=CONDITIONER.global_width,
    global_mode="adaln",
    qk_norm="rms",
    ff_width=64,
    rotary_width=8,
    guide_channels=CONDITIONER.guide_channels,
)


HEARS = replace(
    CONDITIONER,
    guide_features=tuple(
        GuideFeature(name=name, start=one.start, stop=one.stop) for name, one in FEATURES.items()
    ),
    context_latents=LATENT_CHANNELS,
)
LISTENER = replace(
    DIT, guide_channels=HEARS.guide_channels, context_channels=HEARS.context_channels
)
"""A denoiser that follows a melody and answers a recording, and its conditioner, `HEARS`."""


def tiny_bundle(
    folder: Path,
    name: str = "tiny",
    seed: int = 0,
    dit: DiTConfig = DIT,
    conditioner: ConditionerConfig = CONDITIONER,
) -> Bundle:
    """Write the bundle to `folder`, which must not exist; the same weights for the same seed."""
    torch.manual_seed(seed)
    autoencoder = build("spectral", AUTOENCODER)
    return write_bundle(
        folder,
        Manifest(
            format=FORMAT,
            name=name,
            licence="MIT",
            description="random weights, for tests",
            autoencoder=AutoencoderPart(kind="spectral", config=AUTOENCODER),
            clap=NetworkPart(config=to_mapping(CLAP)),
            dit=NetworkPart(config=to_mapping(dit)),
            conditioner=NetworkPart(config=to_mapping(conditioner)),
            defaults=Defaults(steps=2, guidance=2.0, seconds=2.0),
            card={"data": "none"},
        ),
        autoencoder=quietened(autoencoder).state_dict(),
        clap=Clap(CLAP).state_dict(),
        dit=heard(DiT(dit)).state_dict(),
        conditioner=Conditioner(conditioner).state_dict(),
        tokenizer=Path(longform.clap.__path__[0]) / "tokenizer.json",
    )


def heard(dit: DiT) -> DiT:
    """A context starts at zero; let it be heard."""
    if dit.config.context_channels:
        nn.init.normal_(dit.to_context_embed.weight, std=0.5)
    return dit


def quietened(autoencoder: nn.Module) -> nn.Module:
    """Random log-magnitudes lie around 0, which would be deafening; lower them to a usual level."""
    linear = autoencoder.get_submodule("decoder.linear")
    assert isinstance(linear, nn.Linear)
    nn.init.constant_(linear.bias, math.log(0.3))
    return autoencoder
