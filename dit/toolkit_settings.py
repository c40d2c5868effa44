"""The training toolkit's settings of a denoiser, typed: its names, defaults, and what we follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from longform.config import from_mapping
from longform.dit.config import FeatureKind, Objective
from longform.errors import UserError

WHERE = "model_config: diffusion"
CONDITIONING = "model_config: conditioning"
INPAINT_IDS = ("inpaint_mask", "inpaint_masked_input")


@dataclass(frozen=True, kw_only=True)
class Attention:
    qk_norm: Literal["none", "ln", "rms", "l2", "dyt"] = "none"
    qk_norm_eps: float = 1e-6
    differential: bool = False
    feat_scale: bool = False


@dataclass(frozen=True, kw_only=True)
class FeedForward:
    mult: float = 4.0
    no_bias: bool = False
    glu: bool = True
    use_conv: bool = False
    conv_kernel_size: int = 3
    sinusoidal: bool = False


@dataclass(frozen=True, kw_only=True)
class Norm:
    bias: bool = False
    fix_scale: bool = False
    force_fp32: bool = False
    eps: float = 1e-5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`diffusion.config`, with the toolkit's names and defaults."""

    io_channels: int = 32
    patch_size: int = 1
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 8
    cond_token_dim: int = 0
    project_cond_tokens: bool = True
    global_cond_dim: int = 0
    project_global_cond: bool = True
    global_cond_type: Literal["prepend", "adaLN"] = "prepend"
    input_concat_dim: int = 0
    prepend_cond_dim: int = 0
    local_add_cond_dim: int | None = None
    timestep_cond_type: str = "global"
    timestep_embed_dim: int | None = None
    timestep_features_type: FeatureKind = "learned"
    timestep_features_dim: int = 256
    timestep_features_logsnr: bool = False
    transformer_type: str = "continuous_transformer"
    norm_type: Literal["layer_norm", "rms_norm", "dyt"] = "layer_norm"
    remove_norms: bool = False
    num_memory_tokens: int = 0
    attn_kwargs: Attention = field(default_factory=Attention)
    ff_kwargs: FeedForward = field(default_factory=FeedForward)
    norm_kwargs: Norm = field(default_factory=Norm)
    zero_init_branch_outputs: bool = True
    rotary_pos_emb: bool = True
    cross_attn_rotary_pos_emb: bool = False
    use_sinusoidal_emb: bool = False
    use_abs_pos_emb: bool = False
    abs_pos_emb_max_length: int = 10_000
    add_rope: bool = False
    causal: bool = False
    conformer: bool = False
    layer_scale: bool = False
    sliding_window: tuple[int, int] | None = None
    final_cross_attn_ix: int = -1


@dataclass(frozen=True, kw_only=True)
class Section:
    """`diffusion`; what concerns training alone is read and left alone."""

    type: str
    config: Settings
    diffusion_objective: Objective = "v"
    cross_attention_cond_ids: tuple[str, ...] = ()
    global_cond_ids: tuple[str, ...] = ()
    prepend_cond_ids: tuple[str, ...] = ()
    input_concat_ids: tuple[str, ...] = ()
    local_add_cond_ids: tuple[str, ...] = ()
    modular_local_cond_configs: tuple[Any, ...] = ()
    distribution_shift_options: Any = None
    sampling_distribution_shift_options: dict[str, Any] | None = None
    mask_padding_attention: bool = False
    use_effective_length_for_schedule: bool = False


@dataclass(frozen=True, kw_only=True)
class Conditioner:
    """`conditioning.configs[].config` of any type; those of the text encoders are left alone."""

    output_dim: int | None = None
    project_out: bool = False
    padding_mode: Literal["none", "zero", "learned"] = "zero"
    min_val: float = 0.0
    max_val: float | None = None
    fourier_features_type: FeatureKind = "learned"


@dataclass(frozen=True, kw_only=True)
class ConditionerPart:
    id: str
    type: str
    config: Conditioner


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """`conditioning`."""

    cond_dim: int
    configs: tuple[ConditionerPart, ...]
    default_keys: dict[str, str] = field(default_factory=dict)
    pre_encoded_keys: tuple[str, ...] = ()


_ONLY: dict[str, Any] = {
    "type": "dit",
    "modular_local_cond_configs": (),
    "config.transformer_type": "continuous_transformer",
    "config.timestep_cond_type": "global",
    "config.timestep_embed_dim": None,
    "config.remove_norms": False,
    "config.attn_kwargs.qk_norm_eps": 1e-6,
    "config.attn_kwargs.feat_scale": False,
    "config.ff_kwargs.use_conv": False,
    "config.ff_kwargs.sinusoidal": False,
    "config.norm_kwargs.bias": False,
    "config.norm_kwargs.fix_scale": False,
    "config.norm_kwargs.eps": 1e-5,
    "config.rotary_pos_emb": True,
    "config.cross_attn_rotary_pos_emb": False,
    "config.use_sinusoidal_emb": False,
    "config.use_abs_pos_emb": False,
    "config.add_rope": False,
    "config.causal": False,
    "config.conformer": False,
    "config.layer_scale": False,
    "config.sliding_window": None,
    "config.final_cross_attn_ix": -1,
}
"""Settings with the one value that `DiT` follows."""


NORMS = {"layer_norm": "layer", "rms_norm": "rms"}
HEAD_NORMS: dict[str, Literal["layer", "rms", "l2"] | None] = {
    "none": None,
    "ln": "layer",
    "rms": "rms",
    "l2": "l2",
}
MODES = {"prepend": "prepend", "adaLN": "adaln"}

PADDING: dict[str, Literal["keep", "zero", "learned"]] = {
    "none": "keep",
    "zero": "zero",
    "learned": "learned",
}
TEXT_PADDING: dict[str, Literal["keep", "zero"] | None] = {
    "t5": "zero",
    "t5gemma": None,
    "clap_text": "keep",
}
"""What stands where text is padded, by the kind of text conditioner; None where it is a setting."""
NUMBER_HIGH = {"number": 1.0, "int": 512.0}
"""The toolkit's upper bound of a number when nothing is said, by the kind of its conditioner."""
_ENCODER = {
    "t5": {"t5_model_name", "max_length", "enable_grad"},
    "t5gemma": {"model_name", "max_length", "enable_grad", "model_path", "repo_id", "subfolder"},
    "clap_text": {
        "clap_ckpt_path",
        "use_text_features",
        "feature_layer_ix",
        "audio_model_type",
        "enable_fusion",
        "finetune",
    },
}
"""Settings of the text encoders themselves."""


def read_conditioning(section: Mapping[str, Any]) -> Conditioning:
    """The section "conditioning", checked.

    Raises:
        UserError: a setting is unknown, of a wrong type, or asks for what we cannot do.
    """
    plain = dict(section)
    plain["configs"] = [_without_encoder(part) for part in section["configs"]]
    found = from_mapping(Conditioning, plain, CONDITIONING)
    for part in found.configs:
        if part.type not in TEXT_PADDING and part.type not in NUMBER_HIGH:
            kinds = ", ".join((*TEXT_PADDING, *NUMBER_HIGH))
            raise UserError(f"{CONDITIONING}: {part.id} is of type {part.type!r}; known: {kinds}")
        if part.config.output_dim not in (None, found.cond_dim):
            raise UserError(
                f"{CONDITIONING}: {part.id}.output_dim is {part.config.output_dim}; "
                f"only cond_dim, {found.cond_dim}, is supported"
            )
    return found


def _without_encoder(part: Mapping[str, Any]) -> dict[str, Any]:
    own = _ENCODER.get(part["type"], set())
    return {**part, "config": {k: v for k, v in part["config"].items() if k not in own}}


def read_section(section: Mapping[str, Any]) -> Section:
    """The section "diffusion", checked.

    Raises:
        UserError: a setting is unknown, of a wrong type, or asks for what `DiT` does not do.
    """
    found = from_mapping(Section, dict(section), WHERE)
    for name, wanted in _ONLY.items():
        value: Any = found
        for step in name.split("."):
            value = getattr(value, step)
        _require(name, value, wanted)
    settings = found.config
    known("config.norm_type", settings.norm_type, NORMS)
    known("config.attn_kwargs.qk_norm", settings.attn_kwargs.qk_norm, HEAD_NORMS)
    for name in ("cond_token_dim", "global_cond_dim"):
        if getattr(settings, name) < 1:
            raise UserError(f"{WHERE}: config.{name} is {getattr(settings, name)}; must be above 0")
    if not settings.project_global_cond:
        _require("config.global_cond_dim", settings.global_cond_dim, settings.embed_dim)
    for name in ("input_concat_ids", "local_add_cond_ids"):
        if getattr(found, name):
            _require(name, getattr(found, name), INPAINT_IDS)
    return found


def known(name: str, value: str, table: Mapping[str, Any]) -> Any:
    if value not in table:
        raise UserError(f"{WHERE}: {name} {value!r} is not supported; known: {', '.join(table)}")
    return table[value]


def _require(name: str, value: object, wanted: object) -> None:
    if value != wanted:
        raise UserError(f"{WHERE}: {name} is {value!r}; only {wanted!r} is supported")
