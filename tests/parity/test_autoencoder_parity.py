"""Oobleck and SAME against the toolkits that made them, on random weights."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from longform.autoencoder.config import SAME_LARGE, SAME_SMALL, OobleckConfig, SameConfig
from longform.autoencoder.keys import from_toolkit, to_toolkit
from longform.autoencoder.oobleck import Oobleck, fold_weight_norm
from longform.autoencoder.same import Same
from longform.autoencoder.settings import from_toolkit as settings_from_toolkit
from longform.autoencoder.settings import to_toolkit as settings_to_toolkit

pytestmark = pytest.mark.parity
Find = Callable[[str], ModuleType]
Figure = Callable[[str, Tensor, Tensor, float], None]
RATE = 44_100
SMALL = OobleckConfig(channels=8, multipliers=(1, 2, 4), strides=(2, 6, 4), latent_channels=5)
TINY_SAME: dict[str, Any] = {
    "patch_samples": 8,
    "channels": 16,
    "multipliers": (2,),
    "encoder_depths": (3,),
    "decoder_depths": (4,),
    "latent_channels": 6,
    "head_width": 8,
}


def scattered(network: nn.Module, scale: float) -> nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("running_std"):
                parameter.fill_(1.5)
            else:
                parameter.add_(scale * torch.randn_like(parameter))
    return network.eval()


@pytest.mark.parametrize(("config", "frames"), [(SMALL, 40), (OobleckConfig(), 1)])
def test_oobleck(find: Find, figure: Figure, config: OobleckConfig, frames: int) -> None:
    size = "small" if config is SMALL else "published"
    section = settings_to_toolkit(config)
    assert settings_from_toolkit(section, RATE) == config
    made = find("stable_audio_tools.models.autoencoders").create_autoencoder_from_config(
        {"model": section, "sample_rate": RATE}
    )
    reference: Any = scattered(made, 0.1 if config is SMALL else 0.0)
    network = Oobleck(config).eval()
    network.load_state_dict(from_toolkit(config, reference.state_dict()))
    audio = 0.3 * torch.randn(1, 2, frames * config.hop_samples)
    with torch.no_grad():
        mean, scale = reference.encoder(audio).chunk(2, dim=1)
        posterior = network.encode(audio)
        decoded = reference.decode(mean)
        figure(f"Oobleck, {size}, decode", network.decode(mean), decoded, 1e-5)
    theirs = nn.functional.softplus(scale) + 1e-4
    figure(f"Oobleck, {size}, encode, mean", posterior.mean, mean, 1e-5)
    figure(f"Oobleck, {size}, encode, scale", posterior.std, theirs, 1e-5)
    fold_weight_norm(network)
    reference.load_state_dict(to_toolkit(config, network.state_dict()))
    with torch.no_grad():
        figure(f"Oobleck, {size}, folded and back", reference.decode(mean), decoded, 1e-5)


@pytest.mark.parametrize(
    "config",
    [
        SameConfig(**TINY_SAME),
        SameConfig(**TINY_SAME, window=(1, 1), decoder_kernel=1, decoder_sinusoidal=(3,)),
        SameConfig(**TINY_SAME, window=(2, 1), encoder_kernel=3, differential=False),
    ],
    ids=["small", "large", "other"],
)
@pytest.mark.parametrize("frames", [1, 7])
def test_same(find: Find, figure: Figure, config: SameConfig, frames: int) -> None:
    attention = "window" if config.window else "chunks"
    find("stable_audio_3.models.transformer").__dict__["flex_attention_available"] = False
    section = settings_to_toolkit(config)
    section["bottleneck"]["config"]["noise_regularize"] = False  # it would add noise
    made = find("stable_audio_3.factory").create_autoencoder_from_config(section, RATE)
    reference: Any = scattered(made, 0.1)
    network = Same(config).eval()
    network.load_state_dict(from_toolkit(config, reference.state_dict()))
    audio = 0.3 * torch.randn(2, 2, frames * config.hop_samples)
    with torch.no_grad():
        latents = reference.encode(audio)[..., :frames]
        figure(f"SAME, {attention}, encode", network.encode(audio).mean, latents, 1e-4)
        decoded = reference.decode(latents)[..., : audio.shape[-1]]
        figure(f"SAME, {attention}, decode", network.decode(latents), decoded, 1e-4)


@pytest.mark.parametrize("config", [SAME_SMALL, SAME_LARGE], ids=["small", "large"])
def test_published_same_has_the_names_of_the_reference(find: Find, config: SameConfig) -> None:
    factory = find("stable_audio_3.factory")
    with torch.device("meta"):
        reference = factory.create_autoencoder_from_config(settings_to_toolkit(config), RATE)
        ours = Same(config).state_dict()
    theirs = from_toolkit(config, reference.state_dict())
    assert {name: tensor.shape for name, tensor in ours.items()} == {
        name: tensor.shape for name, tensor in theirs.items()
    }
