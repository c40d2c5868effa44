"""SAME against the published implementation, and what windowed coding needs of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_same import AutoencoderSAME
from safetensors import safe_open
from torch import Tensor

from longform.autoencoder.config import SAME_LARGE, SAME_SMALL, SameConfig
from longform.autoencoder.keys import from_diffusers, from_toolkit, to_diffusers, to_toolkit
from longform.autoencoder.same import Same
from longform.autoencoder.settings import from_toolkit as settings_from_toolkit
from longform.autoencoder.settings import to_toolkit as settings_to_toolkit
from longform.autoencoder.tiled import decode_windowed, encode_windowed
from longform.errors import UserError
from longform.nn.banded import banded_attention

GOLD = Path(__file__).parent / "gold" / "same.safetensors"
RATE = 44_100
TINY: dict[str, Any] = {
    "patch_samples": 4,
    "channels": 8,
    "multipliers": (2,),
    "strides": (4,),
    "encoder_depths": (3,),
    "decoder_depths": (2,),
    "latent_channels": 3,
    "head_width": 8,
    "chunk_frames": 8,
}
CONFIGS = {
    "chunked": SameConfig(**TINY),
    "wide chunks": SameConfig(**TINY | {"chunk_frames": 16}),
    "fixed chunks": SameConfig(**TINY | {"chunk_shift": False}),
    "banded": SameConfig(**TINY, window=(1, 2), decoder_sinusoidal=(2,)),
    "two stages": SameConfig(
        **TINY
        | {
            "multipliers": (2, 4),
            "strides": (2, 4),
            "encoder_depths": (2, 3),
            "decoder_depths": (1, 2),
            "decoder_sinusoidal": (0, 2),
            "differential": False,
            "encoder_kernel": 3,
        }
    ),
}


def gold() -> tuple[dict[str, Any], dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """Settings, tensors by variant, and results of the reference."""
    with safe_open(GOLD, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        sections = json.loads(file.metadata()["sections"])
    weights: dict[str, dict[str, Tensor]] = {name: {} for name in sections}
    for key in [key for key in tensors if "/" in key]:
        variant, name = key.split("/")
        weights[variant][name] = tensors.pop(key)
    return sections, weights, tensors


def random(config: SameConfig, scale: float = 0.2) -> Same:
    torch.manual_seed(0)
    network = Same(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
        network.bottleneck.running_std.fill_(1.5)
    return network


@pytest.mark.parametrize("variant", ["small", "large"])
def test_equals_the_published_implementation(variant: str) -> None:
    sections, weights, results = gold()
    config = settings_from_toolkit(sections[variant], RATE)
    assert isinstance(config, SameConfig)
    network = Same(config).eval()
    network.load_state_dict(from_toolkit(config, weights[variant]))
    with torch.no_grad():
        posterior = network.encode(results[f"{variant}.audio"])
        decoded = network.decode(results[f"{variant}.latents"])
    torch.testing.assert_close(posterior.mean, results[f"{variant}.latents"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(decoded, results[f"{variant}.decoded"], atol=1e-4, rtol=1e-5)
    assert (posterior.std == 1e-3).all()


def test_equals_diffusers_with_a_window() -> None:
    torch.manual_seed(0)
    reference: Any = AutoencoderSAME(
        patch_size=4,
        encoder_channels=8,
        encoder_c_mults=[2],
        encoder_strides=[4],
        encoder_transformer_depths=[3],
        latent_dim=3,
        dim_heads=8,
        sliding_window=1,
        decoder_sinusoidal_blocks=[3],
    ).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        reference.bottleneck.running_std.fill_(1.5)
    config = SameConfig(
        **TINY | {"decoder_depths": (3,)},
        window=(1, 1),
        decoder_kernel=1,
        decoder_sinusoidal=(3,),
    )
    network = Same(config).eval()
    theirs = reference.state_dict()
    network.load_state_dict(from_diffusers(config, theirs))
    audio = 0.3 * torch.randn(2, 2, 16 * 40)
    with torch.no_grad():
        latents = reference.encode(audio, return_dict=False)[0]
        torch.testing.assert_close(network.encode(audio).mean, latents, atol=1e-5, rtol=1e-5)
        decoded = reference.decode(latents, return_dict=False)[0]
        torch.testing.assert_close(network.decode(latents), decoded, atol=1e-4, rtol=1e-5)
    back = to_diffusers(config, network.state_dict())
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[name], theirs[name]) for name in back)


def test_published_sizes() -> None:
    counts = []
    for config in (SAME_SMALL, SAME_LARGE):
        with torch.device("meta"):
            network = Same(config)
        counts.append(sum(parameter.numel() for parameter in network.parameters()))
        assert config.hop_samples == 4096
        assert settings_from_toolkit(settings_to_toolkit(config), RATE) == config
    assert counts == [108_244_528, 852_127_072]  # "108 M", "852 M"
    assert (network.encode_margin_frames, network.decode_margin_frames) == (12, 12)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("window", [1, 2, 3, 5, 8])
def test_windowed_equals_whole(kind: str, window: int) -> None:
    network = random(CONFIGS[kind])
    generator = torch.Generator().manual_seed(window)
    for samples in (1, 16 * network.align_frames + 5, 29 * network.hop_samples):
        audio = torch.randn(1, 2, samples, generator=generator)
        with torch.no_grad():
            whole = network.encode(audio)
            decoded = network.decode(whole.mean)
        assert whole.mean.shape[-1] == -(-samples // network.hop_samples)
        windowed = encode_windowed(network, audio, window)
        torch.testing.assert_close(windowed.mean, whole.mean, atol=1e-5, rtol=1e-4)
        pieces = decode_windowed(network, whole.mean, window)
        torch.testing.assert_close(pieces, decoded, atol=1e-5, rtol=1e-4)


def test_chunks_of_all_stages_begin_together() -> None:
    assert {kind: random(config).align_frames for kind, config in CONFIGS.items()} == {
        "chunked": 2,
        "wide chunks": 4,
        "fixed chunks": 2,
        "banded": 1,
        "two stages": 2,
    }
    assert Same(SameConfig(**TINY | {"chunk_frames": 24})).align_frames == 6


@pytest.mark.parametrize(
    ("length", "left", "right"), [(1, 1, 1), (7, 3, 0), (90, 17, 5), (200, 70, 9)]
)
def test_banded_attention_equals_a_dense_mask(length: int, left: int, right: int) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 2, length, 4, requires_grad=True).unbind()
    distance = torch.arange(length) - torch.arange(length)[:, None]
    seen = (distance >= -left) & (distance <= right)
    wanted = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    mixed = banded_attention(q, k, v, left, right)
    torch.testing.assert_close(mixed, wanted, atol=1e-6, rtol=1e-5)
    (gradient,) = torch.autograd.grad(mixed.square().sum(), q)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("form", ["factors", "parametrizations", "folded"])
def test_tensors_come_back_in_every_form(form: Any) -> None:
    config = CONFIGS["two stages"]
    tensors = random(config).state_dict()
    stored = to_toolkit(config, tensors, form)
    stored["encoder.layers.0.transformers.0.rope.inv_freq"] = torch.ones(2)
    stored["bottleneck.noise_scaling_factor"] = torch.ones(1, 0, 1)
    back = Same(config).eval()
    back.load_state_dict(from_toolkit(config, stored))
    audio = torch.randn(1, 2, 4 * config.hop_samples)
    wanted = random(config).encode(audio).mean
    assert torch.equal(back.encode(audio).mean, wanted)


def edited(path: str, value: object) -> dict[str, Any]:
    """The section of a tiny config with one setting changed."""
    section = settings_to_toolkit(CONFIGS["banded"])
    *inner, last = path.split(".")
    place = section
    for name in inner:
        place = place[name]
    place[last] = value
    return section


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("encoder.config.layer_scale", True, "encoder.layer_scale is True; only False"),
        ("decoder.config.variable_stride", False, "decoder.variable_stride is False"),
        ("decoder.config.channels", 16, "decoder.channels is 16; only 8"),
        ("bottleneck.config.auto_scale", False, "bottleneck.auto_scale"),
        ("encoder.config.slidingwindow", [1, 1], "unknown key 'slidingwindow'; did you mean"),
        ("pretransform.type", "pqmf", "pretransform.type is 'pqmf'"),
        ("pretransform", None, "pretransform.type is None"),
        ("latent_dim", 9, "latent_dim is 9; only 3"),
        ("encoder.type", "dac", "encoder 'dac' with decoder 'same' is not supported"),
        ("decoder.soft_clip", True, "decoder.soft_clip is True"),
    ],
)
def test_settings_that_cannot_be_followed(path: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        settings_from_toolkit(edited(path, value), RATE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chunk_frames": 6}, "chunk_frames 6 must be an even multiple of 4"),
        ({"chunk_frames": 12}, "chunk_frames 12 must be an even multiple of 4"),
        ({"encoder_depths": (1, 1)}, "one value per stride"),
        ({"head_width": 6}, "heads of 6"),
        ({"window": (-1, 1)}, "window must not be negative"),
        ({"decoder_kernel": 2}, "must be 1 or 3"),
        ({"channels": 0}, "at least 1"),
        ({"latent_noise": -1.0}, "latent_noise"),
    ],
)
def test_configs_that_cannot_be_built(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SameConfig(**TINY | changes)
