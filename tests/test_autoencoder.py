"""The autoencoder interface, the bottleneck and Oobleck against its reference."""

import re
import warnings
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck
from torch import Tensor, nn

from longform.autoencoder.bottleneck import Posterior
from longform.autoencoder.build import KINDS, as_autoencoder, build
from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.interface import Autoencoder, frames_of
from longform.autoencoder.oobleck import Oobleck, fold_weight_norm
from longform.errors import UserError

TINY = {
    "oobleck": {"channels": 4, "multipliers": (1, 2), "strides": (2, 4), "latent_channels": 3},
    "spectral": {
        "latent_channels": 4,
        "encoder_width": 8,
        "encoder_depth": 1,
        "decoder_widths": (8, 8, 8),
        "decoder_depths": (1, 1, 1),
    },
    "same": {
        "patch_samples": 4,
        "channels": 8,
        "multipliers": (1,),
        "strides": (4,),
        "encoder_depths": (2,),
        "decoder_depths": (2,),
        "latent_channels": 3,
        "head_width": 8,
        "chunk_frames": 8,
    },
}


def tiny(kind: str) -> Autoencoder:
    """A tiny network with every parameter random."""
    torch.manual_seed(0)
    network = build(kind, TINY[kind])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return as_autoencoder(network)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_follows_the_interface(kind: str) -> None:
    network = tiny(kind)
    assert isinstance(network, Autoencoder)
    assert network.latent_rate_hz == network.sample_rate / network.hop_samples
    samples = 3 * network.hop_samples + 1
    audio = 0.1 * torch.randn(2, network.channels, samples)
    posterior = network.encode(audio)
    assert posterior.mean.shape == posterior.std.shape == (2, network.latent_channels, 4)
    assert frames_of(samples, network.hop_samples) == 4
    assert (posterior.std > 0).all()
    assert network.decode(posterior.mean).shape == (2, network.channels, 4 * network.hop_samples)


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_is_padded_with_zeros(kind: str) -> None:
    network = tiny(kind)
    short = 0.1 * torch.randn(1, network.channels, network.hop_samples + 5)
    padded = nn.functional.pad(short, (0, network.hop_samples - 5))
    torch.testing.assert_close(network.encode(short).mean, network.encode(padded).mean)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_reconstructs_from_the_given_noise(kind: str) -> None:
    network = tiny(kind)
    assert isinstance(network, nn.Module)
    audio = 0.1 * torch.randn(1, network.channels, 2 * network.hop_samples)
    noise = torch.randn(1, network.latent_channels, 2)
    reconstruction, posterior = network(audio, noise)
    wanted = network.decode(posterior.mean + posterior.std * noise)
    torch.testing.assert_close(reconstruction, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_margins_bound_the_receptive_field(kind: str) -> None:
    network = tiny(kind)
    hop, margin = network.hop_samples, network.encode_margin_frames
    audio = torch.zeros(1, network.channels, (2 * margin + 5) * hop)
    audio += 0.1 * torch.randn_like(audio)
    centre = margin + 2
    changed = audio.clone()
    changed[..., centre * hop : (centre + 1) * hop] += 1
    touched = _touched(network.encode(audio).mean, network.encode(changed).mean, 1)
    assert touched <= set(range(centre - margin, centre + margin + 1))

    margin = network.decode_margin_frames
    latents = torch.randn(1, network.latent_channels, 2 * margin + 5)
    centre = margin + 2
    changed = latents.clone()
    changed[..., centre] += 1
    touched = _touched(network.decode(latents), network.decode(changed), hop)
    assert touched <= set(range(centre - margin, centre + margin + 1))


def _touched(before: Tensor, after: Tensor, hop: int, least: float = 1e-6) -> set[int]:
    """Frames in which two results (1, n, f * hop) differ by more than `least`."""
    differs = ((before - after).abs() > least).any(dim=1)[0].unflatten(0, (-1, hop)).any(dim=1)
    return set(differs.nonzero().flatten().tolist())


def test_margins_of_oobleck_are_tight() -> None:
    config = OobleckConfig(channels=1, multipliers=(1, 1, 1, 1, 1), latent_channels=1)
    torch.manual_seed(0)
    network = Oobleck(config).double()
    assert (network.encode_margin_frames, network.decode_margin_frames) == (8, 10)
    latents = torch.randn(1, 1, 25, dtype=torch.float64)
    changed = latents.clone()
    changed[..., 12] += 1e6
    touched = _touched(network.decode(latents), network.decode(changed), 2048, least=0)
    assert touched == set(range(2, 23))


def test_oobleck_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = Oobleck(OobleckConfig())
    counts = [sum(p.numel() for p in part.parameters()) for part in (network.encoder, network)]
    assert counts == [77_989_888, 156_112_514]
    assert network.hop_samples == 2048
    assert "decoder.layers.7.bias" not in network.state_dict()


def test_oobleck_equals_diffusers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        reference: Any = AutoencoderOobleck(
            encoder_hidden_size=8,
            downsampling_ratios=[2, 4, 4],
            channel_multiples=[1, 2, 4],
            decoder_channels=8,
            decoder_input_channels=4,
        ).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    config = OobleckConfig(channels=8, multipliers=(1, 2, 4), strides=(2, 4, 4), latent_channels=4)
    network = Oobleck(config)
    theirs = {_published_name(k, 3): v.squeeze() for k, v in reference.state_dict().items()}
    ours = network.state_dict()
    assert ours.keys() == theirs.keys()
    network.load_state_dict({k: theirs[k].reshape(v.shape) for k, v in ours.items()})

    audio = 0.3 * torch.randn(2, 2, 32 * 20)
    with torch.no_grad():
        wanted = reference.encode(audio).latent_dist
        posterior = network.encode(audio)
        torch.testing.assert_close(posterior.mean, wanted.mean, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(posterior.std, wanted.std, atol=1e-5, rtol=1e-5)
        decoded = reference.decode(wanted.mean).sample
        torch.testing.assert_close(network.decode(posterior.mean), decoded, atol=1e-5, rtol=1e-5)


def _published_name(name: str, stages: int) -> str:
    """The key of a published checkpoint for a key of diffusers."""
    side, _, rest = name.partition(".")
    units = 0 if side == "encoder" else 2
    rest = re.sub(
        r"res_unit(\d)\.(snake1|conv1|snake2|conv2)",
        lambda m: (
            f"layers.{int(m[1]) - 1 + units}.layers."
            f"{('snake1', 'conv1', 'snake2', 'conv2').index(m[2])}"
        ),
        rest,
    )
    inner = ("", "", "", "snake1", "conv1") if side == "encoder" else ("snake1", "conv_t1")
    rest = re.sub(
        r"^block\.(\d)\.(snake1|conv1|conv_t1)\.",
        lambda m: f"block.{m[1]}.layers.{inner.index(m[2])}.",
        rest,
    )
    rest = re.sub(r"^block\.(\d)", lambda m: f"layers.{int(m[1]) + 1}", rest)
    outer = {"conv1": 0, "snake1": stages + 1, "conv2": stages + 2}
    rest = re.sub(r"^(conv1|snake1|conv2)\.", lambda m: f"layers.{outer[m[1]]}.", rest)
    return f"{side}.{rest}"


def test_folding_weight_norm_changes_nothing_but_the_names() -> None:
    network = Oobleck(OobleckConfig(channels=4, multipliers=(1, 2), strides=(2, 4)))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("weight_g"):
                parameter.mul_(1.5)
    audio = 0.3 * torch.randn(1, 2, 80)
    noise = torch.randn(1, 64, 10)
    before, _ = network(audio, noise)
    fold_weight_norm(network)
    fold_weight_norm(network)
    after, _ = network(audio, noise)
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
    assert not [key for key in network.state_dict() if "weight_" in key]


def test_posterior_kl_in_closed_form() -> None:
    mean = torch.tensor([[[1.0, 0.0], [2.0, 0.0]]])  # b=1 d=2 f=2
    std = torch.tensor([[[1.0, 2.0], [1.0, 1.0]]])
    wanted = (1 + 4 + (4 - torch.tensor(4.0).log() - 1)) / 2
    torch.testing.assert_close(Posterior(mean=mean, std=std).kl(), wanted)


def test_posterior_draws_from_the_generator() -> None:
    posterior = Posterior(mean=torch.full((1, 2, 50_000), 3.0), std=torch.full((1, 2, 50_000), 0.5))
    drawn = [posterior.sample(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert float(drawn[0].mean()) == pytest.approx(3, abs=0.01)
    assert float(drawn[0].std()) == pytest.approx(0.5, abs=0.01)
    assert torch.equal(posterior.sample(torch.ones(1, 2, 50_000)), torch.full((1, 2, 50_000), 3.5))


def test_posterior_of_encoder_output() -> None:
    posterior = Posterior.from_mean_and_scale(torch.tensor([[[1.0], [0.0]]]))
    assert float(posterior.mean) == 1
    assert float(posterior.std) == pytest.approx(0.6931472 + 1e-4)


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("oobleck", {"chanels": 4}, "unknown key 'chanels'; did you mean 'channels'"),
        ("oobleck", {"strides": (2, 4)}, "need equal lengths"),
        ("oobleck", {"multipliers": (1,), "strides": (3,)}, "strides must be even, got 3"),
        ("oobleck", {"channels": 0}, "at least 1"),
        ("dac", {}, "autoencoder kind 'dac' is unknown; known kinds: spectral, oobleck, same"),
    ],
)
def test_mistakes_in_a_config_are_named(kind: str, config: dict, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        build(kind, config)
