"""Settings of an autoencoder in other layouts, both ways; what we cannot follow is an error.

A toolkit section is what stable-audio-tools and Stable Audio 3 write as "model" of an autoencoder,
or as "model.pretransform.config" of a whole model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longform.autoencoder.config import OobleckConfig, SameConfig
from longform.autoencoder.same_settings import same_config, same_section
from longform.autoencoder.section import WHERE, Section, Side, require
from longform.config import from_mapping
from longform.errors import UserError


def from_toolkit(section: Mapping[str, Any], sample_rate: int) -> OobleckConfig | SameConfig:
    """Our config from a toolkit section; `sample_rate` stands at the top of its file.

    Raises:
        UserError: a setting is unknown, contradicts another, or has a value that we cannot follow.
    """
    parts = from_mapping(Section, dict(section), WHERE)
    kinds = {parts.encoder.type, parts.decoder.type}
    for name in ("in_channels", "out_channels"):
        if getattr(parts, name) is not None:
            require(name, getattr(parts, name), parts.io_channels)
    require("decoder.soft_clip", parts.decoder.soft_clip, False)
    if kinds == {"oobleck"}:
        config = _oobleck(parts, sample_rate)
    elif kinds == {"same"}:
        config = same_config(parts, sample_rate)
    else:
        raise UserError(
            f"{WHERE}: encoder {parts.encoder.type!r} with decoder {parts.decoder.type!r} is not "
            "supported; supported types: oobleck, same"
        )
    require("latent_dim", parts.latent_dim, config.latent_channels)
    require("downsampling_ratio", parts.downsampling_ratio, config.hop_samples)
    return config


def to_toolkit(config: OobleckConfig | SameConfig) -> dict[str, Any]:
    """The toolkit section of our config."""
    if isinstance(config, SameConfig):
        return same_section(config)
    shape = {
        "channels": config.channels,
        "c_mults": list(config.multipliers),
        "strides": list(config.strides),
        "use_snake": True,
    }
    channels, width = config.audio_channels, config.latent_channels
    encoder = {"in_channels": channels, **shape, "latent_dim": 2 * width}
    decoder = {"out_channels": channels, **shape, "latent_dim": width, "final_tanh": False}
    return {
        "encoder": {"type": "oobleck", "config": encoder},
        "decoder": {"type": "oobleck", "config": decoder},
        "bottleneck": {"type": "vae"},
        "latent_dim": width,
        "downsampling_ratio": config.hop_samples,
        "io_channels": channels,
    }


def oobleck_from_diffusers(settings: Mapping[str, Any]) -> OobleckConfig:
    """Our config from the config.json of AutoencoderOobleck.

    Raises:
        UserError: a setting is unknown or has a value that we cannot follow.
    """
    plain = {name: value for name, value in settings.items() if not name.startswith("_")}
    theirs = from_mapping(_DiffusersOobleck, plain, WHERE)
    require("decoder_channels", theirs.decoder_channels, theirs.encoder_hidden_size)
    require("encoder_hidden_size", theirs.encoder_hidden_size, 2 * theirs.decoder_input_channels)
    return OobleckConfig(
        sample_rate=theirs.sampling_rate,
        audio_channels=theirs.audio_channels,
        channels=theirs.encoder_hidden_size,
        multipliers=theirs.channel_multiples,
        strides=theirs.downsampling_ratios,
        latent_channels=theirs.decoder_input_channels,
    )


def oobleck_to_diffusers(config: OobleckConfig) -> dict[str, Any]:
    """The arguments of AutoencoderOobleck, as its config.json has them.

    Raises:
        UserError: the encoder's `channels` are not twice the latent ones, as its network has it.
    """
    require("channels", config.channels, 2 * config.latent_channels)
    return {
        "_class_name": "AutoencoderOobleck",
        "encoder_hidden_size": config.channels,
        "downsampling_ratios": list(config.strides),
        "channel_multiples": list(config.multipliers),
        "decoder_channels": config.channels,
        "decoder_input_channels": config.latent_channels,
        "audio_channels": config.audio_channels,
        "sampling_rate": config.sample_rate,
    }


@dataclass(frozen=True, kw_only=True)
class _OobleckSide(Side):
    """Arguments of either side and their defaults in stable-audio-tools."""

    use_snake: bool = False
    antialias_activation: bool = False
    use_nearest_upsample: bool = False
    final_tanh: bool = True


@dataclass(frozen=True, kw_only=True)
class _DiffusersOobleck:
    encoder_hidden_size: int = 128
    downsampling_ratios: tuple[int, ...] = (2, 4, 4, 8, 8)
    channel_multiples: tuple[int, ...] = (1, 2, 4, 8, 16)
    decoder_channels: int = 128
    decoder_input_channels: int = 64
    audio_channels: int = 2
    sampling_rate: int = 44_100


def _oobleck(parts: Section, sample_rate: int) -> OobleckConfig:
    encoder = from_mapping(_OobleckSide, parts.encoder.config, f"{WHERE}: encoder")
    decoder = from_mapping(_OobleckSide, parts.decoder.config, f"{WHERE}: decoder")
    require("bottleneck.type", parts.bottleneck.type, "vae")
    require("pretransform", parts.pretransform, None)
    require("encoder.in_channels", encoder.in_channels, parts.io_channels)
    require("decoder.out_channels", decoder.out_channels, parts.io_channels)
    require("encoder.latent_dim", encoder.latent_dim, 2 * decoder.latent_dim)
    require("decoder.use_nearest_upsample", decoder.use_nearest_upsample, False)
    require("decoder.final_tanh", decoder.final_tanh, False)
    for name, side in (("encoder", encoder), ("decoder", decoder)):
        require(f"{name}.use_snake", side.use_snake, True)
        require(f"{name}.antialias_activation", side.antialias_activation, False)
    for name in ("channels", "c_mults", "strides"):
        require(f"decoder.{name}", getattr(decoder, name), getattr(encoder, name))
    return OobleckConfig(
        sample_rate=sample_rate,
        audio_channels=parts.io_channels,
        channels=encoder.channels,
        multipliers=encoder.c_mults,
        strides=encoder.strides,
        latent_channels=decoder.latent_dim,
    )
