"""Settings of the SAME autoencoder in the layout of Stable Audio 3."""

from dataclasses import dataclass
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
