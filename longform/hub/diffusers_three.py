"""Stable Audio 3 in the diffusers layout: names of its tensors, and its configuration both ways.

The classes are StableAudio3DiTModel, AutoencoderSAME and StableAudio3DurationEmbedder. They have
fewer settings than Stable Audio 3 itself: attention of the autoencoder over a window alone, frames
one by one, and times of the denoiser as they are. What they cannot say is refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

from longform.autoencoder.config import SameConfig
from longform.autoencoder.settings import to_toolkit
from longform.config import from_mapping
from longform.dit import keys
from longform.dit.config import DiTConfig
from longform.dit.family import diffusion_section
from longform.dit.family_conditioner import FamilyConditionerConfig
from longform.dit.features import ExpoFeatures
from longform.dit.model import DiT
from longform.dit.time_shift import LogSnrShift
from longform.errors import UserError
from longform.hub.diffusers_keys import CONDITIONER, DIT, skeleton
from longform.hub.tensors import Pair

TRANSFORMER, VAE = "StableAudio3DiTModel", "AutoencoderSAME"
DURATION = "StableAudio3DurationEmbedder"
TEXT_TOKENS = 256
SAMPLE_SIZE = 5_292_032
"""Samples that Stable Audio 3 makes when no length is asked for; 120 s."""
FREQUENCIES = "duration_embedder/freqs"
"""A tensor of diffusers that follows from its configuration."""
_TOP = {
    "transformer.project_in.": "proj_in.",
    "transformer.project_out.": "proj_out.",
    "transformer.memory_tokens": "memory_tokens",
    "transformer.global_cond_embedder.": "global_cond_embedder.",
    "transformer.layers.": "transformer_blocks.",
}
_INSIDE = {".ff.ff.0.proj.": ".ff.proj_in.", ".ff.ff.2.": ".ff.proj_out."}


@dataclass(frozen=True, kw_only=True)
class _Transformer:
    """Arguments of StableAudio3DiTModel."""

    io_channels: int = 256
    patch_size: int = 1
    embed_dim: int = 1536
    depth: int = 24
    num_heads: int = 24
    cond_token_dim: int = 768
    global_cond_dim: int = 768
    local_add_cond_dim: int = 257
    timestep_features_dim: int = 256
    ff_mult: float = 4.0
    num_memory_tokens: int = 64
    use_differential_attention: bool = True


@dataclass(frozen=True, kw_only=True)
class _Duration:
    """Arguments of StableAudio3DurationEmbedder."""

    output_dim: int = 768
    fourier_dim: int = 256
    min_val: float = 0.0
    max_val: float = 384.0
    min_freq: float = 0.5
    max_freq: float = 10_000.0


def dit_config(settings: Mapping[str, Any], objective: Any, where: str) -> DiTConfig:
    """Our configuration of the denoiser from the config.json of StableAudio3DiTModel.

    Raises:
        UserError: a setting is unknown or of a wrong type; heads narrower than 64 channels.
    """
    theirs = from_mapping(_Transformer, _plain(settings), where)
    head_width = theirs.embed_dim // max(theirs.num_heads, 1)
    if head_width < 64:
        raise UserError(f"{where}: heads {head_width} wide; Stable Audio 3 has 64 at least")
    return DiTConfig(
        objective=objective,
        io_channels=theirs.io_channels,
        patch_size=theirs.patch_size,
        width=theirs.embed_dim,
        depth=theirs.depth,
        heads=theirs.num_heads,
        cond_token_width=theirs.cond_token_dim,
        project_tokens=True,
        global_width=theirs.global_cond_dim,
        global_mode="adaln",
        local_channels=theirs.local_add_cond_dim,
        norm="rms",
        qk_norm="rms",
        differential=theirs.use_differential_attention,
        ff_width=int(theirs.embed_dim * theirs.ff_mult),
        rotary_width=head_width // 2,
        memory_tokens=theirs.num_memory_tokens,
        timestep_frequencies=theirs.timestep_features_dim // 2,
        timestep_features="expo",
        time_shift=LogSnrShift(per_doubling=0.0),
    )


def transformer_config(config: DiTConfig) -> dict[str, Any]:
    """The arguments of StableAudio3DiTModel, as its config.json has them.

    Raises:
        UserError: it cannot be told one of our settings.
    """
    settings = {
        "io_channels": config.io_channels,
        "patch_size": config.patch_size,
        "embed_dim": config.width,
        "depth": config.depth,
        "num_heads": config.heads,
        "cond_token_dim": config.cond_token_width,
        "global_cond_dim": config.global_width,
        "local_add_cond_dim": config.local_channels,
        "timestep_features_dim": 2 * config.timestep_frequencies,
        "ff_mult": config.ff_width / config.width,
        "num_memory_tokens": config.memory_tokens,
        "use_differential_attention": config.differential,
    }
    again = dit_config(settings, config.objective, TRANSFORMER)
    for name in [field.name for field in fields(config) if field.name != "attention"]:
        ours, theirs = getattr(config, name), getattr(again, name)
        if name == "cross_heads":
            ours, theirs = config.kv_heads, again.kv_heads
        if ours != theirs or (name == "patch_size" and ours != 1):
            raise UserError(f"{TRANSFORMER} cannot be told {name} {ours!r}")
    return {"_class_name": TRANSFORMER, **settings}


def duration_config(config: FamilyConditionerConfig) -> dict[str, Any]:
    """The arguments of StableAudio3DurationEmbedder, as its config.json has them."""
    number = config.numbers[0]
    bounds = {"min_val": number.low, "max_val": number.high}
    return {"_class_name": DURATION, "output_dim": config.token_width, **bounds}


def model_config(
    transformer: Mapping[str, Any], duration: Mapping[str, Any], coder: SameConfig | None,
    stochastic: bool, where: str,
) -> dict[str, Any]:  # fmt: skip
    """The training toolkit's model configuration of a folder.

    Args:
        stochastic: whether its scheduler draws fresh noise at every step, as the released models do

    Raises:
        UserError: a setting is unknown, of a wrong type, or asks for what our networks do not do.
    """
    objective = "rf_denoiser" if stochastic else "rectified_flow"
    dit = dit_config(transformer, objective, f"{where}/transformer/config.json")
    number = _number(duration, f"{where}/duration_embedder/config.json")
    told = ["prompt", "seconds_total"]
    text = {"model_name": "google/t5gemma-b-b-ul2", "max_length": TEXT_TOKENS}
    bounds = {"min_val": number.min_val, "max_val": number.max_val}
    configs = [
        {"id": told[0], "type": "t5gemma", "config": {**text, "padding_mode": "learned"}},
        {"id": told[1], "type": "number", "config": {**bounds, "fourier_features_type": "expo"}},
    ]
    model: dict[str, Any] = {"io_channels": dit.io_channels}
    if coder is not None:
        model["pretransform"] = {"type": "autoencoder", "config": to_toolkit(coder)}
    model["conditioning"] = {"cond_dim": dit.cond_token_width, "configs": configs}
    model["diffusion"] = {
        **diffusion_section(dit),
        "cross_attention_cond_ids": told,
        "global_cond_ids": told[1:],
        "local_add_cond_ids": ["inpaint_mask", "inpaint_masked_input"],
    }
    return {
        "model_type": "diffusion_cond_inpaint",
        "sample_size": SAMPLE_SIZE,
        "sample_rate": coder.sample_rate if coder else 44_100,
        "audio_channels": coder.audio_channels if coder else 2,
        "model": model,
    }


def transformer_pairs(config: DiTConfig, budget: int, where: str) -> list[Pair]:
    """The transformer, and the vector that stands where text is padded.

    Raises:
        UserError: `config` asks for more than `budget` parameters.
    """
    own = skeleton(lambda: DiT(config), budget, where)
    names = [name for name in (keys.toolkit(f"dit.{key}") for key in own) if name is not None]
    pairs = [
        Pair(
            name,
            (_theirs(name.removeprefix(DIT)),),
            "parts" if config.differential and name.endswith("self_attn.to_qkv.weight") else "same",
        )
        for name in names
    ]
    pairs.append(Pair(keys.DERIVED, ("rotary_pos_emb.inv_freq",)))
    padding = f"{CONDITIONER}prompt.padding_embedding"
    return [*pairs, Pair(padding, ("prompt_padding_embedding",))]


def duration_pairs() -> list[Pair]:
    """The duration embedder."""
    ours = f"{CONDITIONER}seconds_total.embedder.embedding.1"
    return [Pair(f"{ours}.{kind}", (f"linear.{kind}",)) for kind in ("weight", "bias")]


def duration_frequencies() -> Tensor:
    """What the duration embedder keeps beside its weights, (128,)."""
    return ExpoFeatures(_Duration().fourier_dim // 2).cycles()


def _number(settings: Mapping[str, Any], where: str) -> _Duration:
    found = from_mapping(_Duration, _plain(settings), where)
    for name in ("fourier_dim", "min_freq", "max_freq"):
        value, usual = getattr(found, name), getattr(_Duration(), name)
        if value != usual:
            raise UserError(f"{where}: {name} is {value!r}; only {usual!r} is supported")
    return found


def _theirs(name: str) -> str:
    for ours, theirs in _TOP.items():
        if name.startswith(ours):
            name = theirs + name.removeprefix(ours)
            break
    for ours, theirs in _INSIDE.items():
        name = name.replace(ours, theirs)
    return name


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not name.startswith("_")}
