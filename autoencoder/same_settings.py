"""Settings of the SAME autoencoder as Stable Audio 3 writes them, and as diffusers does."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from longform.autoencoder.config import SameConfig
from longform.autoencoder.section import WHERE, Section, Side, require
from longform.config import from_mapping


@dataclass(frozen=True, kw_only=True)
class _SameSide(Side):
    """Arguments of either side and their defaults in Stable Audio 3."""

    transformer_depths: tuple[int, ...] = (3, 3, 3, 3)
    sliding_window: tuple[int, int] | None = None
    checkpointing: bool = False
    conformer: bool = False
    layer_scale: bool = False
    causal: bool = False
    differential: bool = True
    variable_stride: bool = False
    sinusoidal_blocks: tuple[int, ...] = (0, 0, 0, 0)
    mask_noise: float = 0.0
    conv_mapping: bool = False
    freeze_backbone: bool = False
    chunk_size: int = 128
    chunk_midpoint_shift: bool = False
    dim_heads: int = 128
    feat_scale: bool = False
    ff_mult: int = 3
    mapping_bias: bool = True
    cross_attn: bool = False
    dyt: bool = True


@dataclass(frozen=True, kw_only=True)
class _SoftNorm:
    dim: int = 32
    noise_augment_dim: int = 0
    noise_regularize: bool = False
    auto_scale: bool = False
    freeze: bool = False


@dataclass(frozen=True, kw_only=True)
class _Patches:
    channels: int
    patch_size: int
    oversampling: int = 1
    postfilter_channels: int = 0


_FIXED = {
    "conformer": False,
    "layer_scale": False,
    "causal": False,
    "variable_stride": True,
    "feat_scale": False,
    "mapping_bias": True,
    "cross_attn": False,
    "dyt": True,
}
_SHARED = (
    "channels", "latent_dim", "c_mults", "strides", "sliding_window", "differential",
    "dim_heads", "ff_mult",
)  # fmt: skip
_CHUNKS = ("chunk_size", "chunk_midpoint_shift")


def same_config(parts: Section, sample_rate: int) -> SameConfig:
    """Our config from a toolkit section of type "same"."""
    encoder = from_mapping(_SameSide, parts.encoder.config, f"{WHERE}: encoder")
    decoder = from_mapping(_SameSide, parts.decoder.config, f"{WHERE}: decoder")
    require("bottleneck.type", parts.bottleneck.type, "softnorm")
    norm = from_mapping(_SoftNorm, parts.bottleneck.config, f"{WHERE}: bottleneck")
    require("pretransform.type", parts.pretransform and parts.pretransform.type, "patched")
    assert parts.pretransform is not None
    patches = from_mapping(_Patches, parts.pretransform.config, f"{WHERE}: pretransform")
    require("bottleneck.dim", norm.dim, encoder.latent_dim)
    require("bottleneck.noise_augment_dim", norm.noise_augment_dim, 0)
    require("bottleneck.auto_scale", norm.auto_scale, True)
    require("encoder.in_channels", encoder.in_channels, patches.channels * patches.patch_size)
    require("decoder.out_channels", decoder.out_channels, encoder.in_channels)
    for name, value in _FIXED.items():
        require(f"encoder.{name}", getattr(encoder, name), value)
        require(f"decoder.{name}", getattr(decoder, name), value)
    for name in _SHARED + (() if encoder.sliding_window else _CHUNKS):
        require(f"decoder.{name}", getattr(decoder, name), getattr(encoder, name))
    require("encoder.sinusoidal_blocks", any(encoder.sinusoidal_blocks), False)
    stages = len(encoder.strides)
    return SameConfig(
        sample_rate=sample_rate,
        audio_channels=patches.channels,
        patch_samples=patches.patch_size,
        channels=encoder.channels,
        multipliers=encoder.c_mults,
        strides=encoder.strides,
        encoder_depths=encoder.transformer_depths[:stages],
        decoder_depths=decoder.transformer_depths[:stages],
        latent_channels=encoder.latent_dim,
        head_width=encoder.dim_heads,
        ff_multiplier=encoder.ff_mult,
        differential=encoder.differential,
        window=encoder.sliding_window,
        chunk_frames=encoder.chunk_size,
        chunk_shift=encoder.chunk_midpoint_shift,
        encoder_kernel=3 if encoder.conv_mapping else 1,
        decoder_kernel=3 if decoder.conv_mapping else 1,
        decoder_sinusoidal=decoder.sinusoidal_blocks[:stages],
        latent_noise=1e-3 if norm.noise_regularize else 0.0,
    )


def same_section(config: SameConfig) -> dict[str, Any]:
    """The toolkit section of our config."""
    patch = config.audio_channels * config.patch_samples
    shape = {
        "channels": config.channels,
        "c_mults": list(config.multipliers),
        "strides": list(config.strides),
        "latent_dim": config.latent_channels,
        "differential": config.differential,
        "dim_heads": config.head_width,
        "ff_mult": config.ff_multiplier,
        "dyt": True,
        "variable_stride": True,
        "sliding_window": None if config.window is None else list(config.window),
        "chunk_size": config.chunk_frames,
        "chunk_midpoint_shift": config.chunk_shift,
    }
    encoder = {
        "in_channels": patch,
        **shape,
        "transformer_depths": list(config.encoder_depths),
        "conv_mapping": config.encoder_kernel == 3,
    }
    decoder = {
        "out_channels": patch,
        **shape,
        "transformer_depths": list(config.decoder_depths),
        "sinusoidal_blocks": list(config.decoder_sinusoidal),
        "conv_mapping": config.decoder_kernel == 3,
    }
    bottleneck = {
        "dim": config.latent_channels,
        "noise_regularize": config.latent_noise > 0,
        "auto_scale": True,
    }
    patches = {"channels": config.audio_channels, "patch_size": config.patch_samples}
    return {
        "pretransform": {"type": "patched", "config": patches},
        "encoder": {"type": "same", "config": encoder},
        "decoder": {"type": "same", "config": decoder},
        "bottleneck": {"type": "softnorm", "config": bottleneck},
        "latent_dim": config.latent_channels,
        "downsampling_ratio": config.hop_samples,
        "io_channels": config.audio_channels,
    }


@dataclass(frozen=True, kw_only=True)
class _DiffusersSame:
    """Arguments of AutoencoderSAME; both of its sides are equally deep."""

    audio_channels: int = 2
    patch_size: int = 256
    encoder_channels: int = 128
    encoder_c_mults: tuple[int, ...] = (6,)
    encoder_strides: tuple[int, ...] = (16,)
    encoder_transformer_depths: tuple[int, ...] = (6,)
    latent_dim: int = 256
    use_differential_attention: bool = True
    dim_heads: int = 64
    ff_mult: int = 3
    sliding_window: int = 1
    encoder_sinusoidal_blocks: tuple[int, ...] = (0,)
    decoder_sinusoidal_blocks: tuple[int, ...] = (0,)
    sampling_rate: int = 44_100


def same_from_diffusers(settings: Mapping[str, Any]) -> SameConfig:
    """Our config from the config.json of AutoencoderSAME.

    Raises:
        UserError: a setting is unknown or has a value that we cannot follow.
    """
    plain = {name: value for name, value in settings.items() if not name.startswith("_")}
    theirs = from_mapping(_DiffusersSame, plain, WHERE)
    require("encoder_sinusoidal_blocks", any(theirs.encoder_sinusoidal_blocks), False)
    sinusoidal = theirs.decoder_sinusoidal_blocks
    if len(sinusoidal) == 1:  # one value stands for all stages
        sinusoidal *= len(theirs.encoder_strides)
    return SameConfig(
        sample_rate=theirs.sampling_rate,
        audio_channels=theirs.audio_channels,
        patch_samples=theirs.patch_size,
        channels=theirs.encoder_channels,
        multipliers=theirs.encoder_c_mults,
        strides=theirs.encoder_strides,
        encoder_depths=theirs.encoder_transformer_depths,
        decoder_depths=theirs.encoder_transformer_depths,
        latent_channels=theirs.latent_dim,
        head_width=theirs.dim_heads,
        ff_multiplier=theirs.ff_mult,
        differential=theirs.use_differential_attention,
        window=(theirs.sliding_window, theirs.sliding_window),
        encoder_kernel=1,
        decoder_kernel=1,
        decoder_sinusoidal=sinusoidal,
    )


def same_to_diffusers(config: SameConfig) -> dict[str, Any]:
    """The arguments of AutoencoderSAME, as its config.json has them.

    Raises:
        UserError: it cannot be told one of our settings, such as attention inside chunks.
    """
    settings = {
        "audio_channels": config.audio_channels,
        "patch_size": config.patch_samples,
        "encoder_channels": config.channels,
        "encoder_c_mults": list(config.multipliers),
        "encoder_strides": list(config.strides),
        "encoder_transformer_depths": list(config.encoder_depths),
        "latent_dim": config.latent_channels,
        "use_differential_attention": config.differential,
        "dim_heads": config.head_width,
        "ff_mult": config.ff_multiplier,
        "sliding_window": config.window[0] if config.window else 1,
        "encoder_sinusoidal_blocks": [0] * len(config.strides),
        "decoder_sinusoidal_blocks": list(config.decoder_sinusoidal),
        "sampling_rate": config.sample_rate,
    }
    again = same_from_diffusers(settings)
    untold = {"latent_noise", "chunk_frames", "chunk_shift"}  # without a meaning there
    for name in sorted({field.name for field in fields(config)} - untold):
        require(name, getattr(config, name), getattr(again, name))
    return {"_class_name": "AutoencoderSAME", **settings}
