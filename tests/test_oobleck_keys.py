"""Tensors and settings of Oobleck in other layouts, there and back."""

import warnings
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck
from torch import Tensor

from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.keys import from_diffusers, from_toolkit, to_diffusers, to_toolkit
from longform.autoencoder.oobleck import Oobleck, fold_weight_norm
from longform.autoencoder.settings import from_toolkit as settings_from_toolkit
from longform.autoencoder.settings import (
    oobleck_from_diffusers,
    oobleck_to_diffusers,
)
from longform.autoencoder.settings import to_toolkit as settings_to_toolkit
from longform.errors import UserError

RATE = 32_000
CONFIG = OobleckConfig(
    sample_rate=RATE, channels=8, multipliers=(1, 2, 3), strides=(2, 6, 4), latent_channels=4
)
AUDIO = 0.3 * torch.randn(2, 2, 20 * 48, generator=torch.Generator().manual_seed(1))


def network(seed: int = 0) -> Oobleck:
    torch.manual_seed(seed)
    made = Oobleck(CONFIG).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def coded(tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, deviation and decoded mean of a network with these tensors."""
    made = Oobleck(CONFIG).eval()
    made.load_state_dict(tensors)
    with torch.no_grad():
        posterior = made.encode(AUDIO)
        return posterior.mean, posterior.std, made.decode(posterior.mean)


@pytest.mark.parametrize("form", ["factors", "parametrizations", "folded"])
def test_weight_norm_in_every_form_gives_the_same_bits(form: Any) -> None:
    tensors = network().state_dict()
    stored = to_toolkit(CONFIG, tensors, form)
    marks = {"factors": "weight_g", "parametrizations": "original0", "folded": "conv"}
    assert any(name.endswith(marks[form]) for name in stored) == (form != "folded")
    for first, second in zip(coded(tensors), coded(from_toolkit(CONFIG, stored)), strict=True):
        assert torch.equal(first, second)


def test_a_folded_network_is_stored_as_factors() -> None:
    other = network()
    fold_weight_norm(other)
    folded = other.state_dict()
    stored = to_toolkit(CONFIG, folded)
    assert stored.keys() == network().state_dict().keys()
    assert torch.equal(coded(from_toolkit(CONFIG, folded))[2], coded(stored)[2])


def test_diffusers_and_back() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        reference: Any = AutoencoderOobleck(**_arguments()).eval()
    ours = network().state_dict()
    reference.load_state_dict(to_diffusers(CONFIG, ours))  # strict: every name and shape
    with torch.no_grad():
        wanted = reference.encode(AUDIO).latent_dist
        decoded = reference.decode(wanted.mean).sample
    results = coded(from_diffusers(CONFIG, reference.state_dict()))
    for result, expected in zip(results, (wanted.mean, wanted.std, decoded), strict=True):
        torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)
    back = from_diffusers(CONFIG, to_diffusers(CONFIG, ours))
    assert all(torch.equal(back[name], ours[name]) for name in ours)


def _arguments() -> dict[str, Any]:
    settings = oobleck_to_diffusers(CONFIG)
    assert settings.pop("_class_name") == "AutoencoderOobleck"
    return settings


def test_settings_come_back() -> None:
    assert settings_from_toolkit(settings_to_toolkit(CONFIG), RATE) == CONFIG
    assert oobleck_from_diffusers(oobleck_to_diffusers(CONFIG)) == CONFIG
    assert oobleck_from_diffusers({"_diffusers_version": "0.30.0"}) == OobleckConfig()


def test_keys_that_fit_nothing_are_named() -> None:
    tensors = dict(network().state_dict())
    tensors["encoder.layers.9.weight_g"] = tensors.pop("encoder.layers.0.weight_g")
    with pytest.raises(UserError) as error:
        from_toolkit(CONFIG, tensors)
    assert str(error.value) == (
        "autoencoder: keys do not fit its config; 1 fit nothing: encoder.layers.9.weight_g; "
        "1 missing: encoder.layers.0.weight_g"
    )
    with pytest.raises(UserError, match=r"missing: decoder\.block"):
        from_diffusers(CONFIG, {})


def edited(path: str, value: object) -> dict[str, Any]:
    """The section of the config with one setting changed; None takes it out."""
    section = settings_to_toolkit(CONFIG)
    *inner, last = path.split(".")
    place = section
    for name in inner:
        place = place[name]
    place.pop(last, None)
    return section if value is None else (place.__setitem__(last, value) or section)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("decoder.config.final_tanh", None, "decoder.final_tanh is True; only False"),
        ("encoder.config.use_snake", None, "encoder.use_snake is False; only True"),
        ("decoder.config.use_nearest_upsample", True, "decoder.use_nearest_upsample is True"),
        ("encoder.config.antialias_activation", True, "encoder.antialias_activation is True"),
        ("encoder.config.snake", True, "unknown key 'snake'; did you mean 'use_snake'"),
        ("encoder.config.latent_dim", 5, "encoder.latent_dim is 5; only 8"),
        ("decoder.config.strides", [2, 2, 4], "decoder.strides"),
        ("bottleneck.type", "rvq", "bottleneck.type is 'rvq'; only 'vae'"),
        ("bottleneck", None, "key 'bottleneck' is missing"),
        ("downsampling_ratio", 64, "downsampling_ratio is 64; only 48"),
        ("in_channels", 1, "in_channels is 1; only 2"),
        ("pretransform", {"type": "pqmf"}, "pretransform"),
        ("decoder.type", "dac", "encoder 'oobleck' with decoder 'dac' is not supported"),
    ],
)
def test_settings_that_cannot_be_followed(path: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        settings_from_toolkit(edited(path, value), RATE)


def test_diffusers_settings_that_cannot_be_followed() -> None:
    with pytest.raises(UserError, match="decoder_channels is 64; only 128"):
        oobleck_from_diffusers({"decoder_channels": 64})
    with pytest.raises(UserError, match="unknown key 'channel_multiple'"):
        oobleck_from_diffusers({"channel_multiple": [1]})
    with pytest.raises(UserError, match="channels is 8; only 6"):
        oobleck_to_diffusers(OobleckConfig(channels=8, latent_channels=3))
