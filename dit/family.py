"""The Stable Audio family's settings: model_config.json of the training toolkit, both ways.

Stable Audio Open 1.0, Open Small and 2.0 (stable-audio-tools) and Stable Audio 3 (its own code)
describe a denoiser in the section "diffusion" of "model", its conditioner in "conditioning". What
these can say and our networks cannot do is an error that names the setting.
"""

from collections.abc import Mapping
from typing import Any

from longform.config import from_mapping
from longform.dit.config import DiTConfig
from longform.dit.family_conditioner import FamilyConditionerConfig, NumberPart
from longform.dit.time_shift import (
    ExponentialShift,
    FluxShift,
    LogSnrShift,
    NoShift,
    TimeShift,
)
from longform.dit.toolkit_settings import (
    CONDITIONING,
    HEAD_NORMS,
    MODES,
    NORMS,
    NUMBER_HIGH,
    PADDING,
    TEXT_PADDING,
    WHERE,
    Section,
    Settings,
    known,
    read_conditioning,
    read_section,
)
from longform.errors import UserError

LATER = {
    "norm_type",
    "timestep_features_type",
    "timestep_features_dim",
    "timestep_features_logsnr",
    "local_add_cond_dim",
    "local_add_cond_ids",
    "mask_padding_attention",
    "use_effective_length_for_schedule",
}
"""Settings that only Stable Audio 3 knows; its flows space their times in a way of their own."""


_SHIFTS: dict[str, tuple[type, dict[str, str]]] = {
    "none": (NoShift, {}),
    "logsnr": (
        LogSnrShift,
        {
            "anchor_length": "anchor_frames",
            "anchor_logsnr": "anchor_log_snr",
            "rate": "per_doubling",
            "logsnr_end": "end_log_snr",
        },
    ),
    "flux": (
        FluxShift,
        {
            "min_length": "min_frames",
            "max_length": "max_frames",
            "alpha_min": "min_alpha",
            "alpha_max": "max_alpha",
        },
    ),
    "full": (
        ExponentialShift,
        {
            "min_length": "min_frames",
            "max_length": "max_frames",
            "base_shift": "min_shift",
            "max_shift": "max_shift",
            "use_sine": "sine",
        },
    ),
}


def dit_config(section: Mapping[str, Any]) -> DiTConfig:
    """Our configuration from the toolkit's section "diffusion".

    Raises:
        UserError: a setting is unknown, of a wrong type, or asks for what `DiT` does not do.
    """
    found = read_section(section)
    its = found.config
    head_width = its.embed_dim // its.num_heads
    return DiTConfig(
        objective=found.diffusion_objective,
        io_channels=its.io_channels,
        patch_size=its.patch_size,
        width=its.embed_dim,
        depth=its.depth,
        heads=its.num_heads,
        cond_token_width=its.cond_token_dim,
        project_tokens=its.project_cond_tokens,
        global_width=its.global_cond_dim,
        global_mode=known("config.global_cond_type", its.global_cond_type, MODES),
        prepend_width=its.prepend_cond_dim,
        concat_channels=its.input_concat_dim,
        local_channels=its.local_add_cond_dim or 0,
        norm=known("config.norm_type", its.norm_type, NORMS),
        qk_norm=known("config.attn_kwargs.qk_norm", its.attn_kwargs.qk_norm, HEAD_NORMS),
        differential=its.attn_kwargs.differential,
        ff_width=int(its.embed_dim * its.ff_kwargs.mult),
        ff_gated=its.ff_kwargs.glu,
        ff_out_bias=not its.ff_kwargs.no_bias,
        rotary_width=max(head_width // 2, 32),
        memory_tokens=its.num_memory_tokens,
        timestep_frequencies=its.timestep_features_dim // 2,
        timestep_features=its.timestep_features_type,
        timestep_log_snr=its.timestep_features_logsnr,
        time_shift=_time_shift(section, found),
    )


def diffusion_section(config: DiTConfig) -> dict[str, Any]:
    """The toolkit's section "diffusion" of our configuration, without the names of conditions.

    Raises:
        UserError: the toolkit has nothing like one of the settings.
    """
    modes, norms, head_norms = (
        {ours: theirs for theirs, ours in table.items()} for table in (MODES, NORMS, HEAD_NORMS)
    )
    settings: dict[str, Any] = {
        "io_channels": config.io_channels,
        "patch_size": config.patch_size,
        "embed_dim": config.width,
        "depth": config.depth,
        "num_heads": config.heads,
        "cond_token_dim": config.cond_token_width,
        "project_cond_tokens": config.project_tokens,
        "global_cond_dim": config.global_width,
        "global_cond_type": modes[config.global_mode],
        "input_concat_dim": config.concat_channels,
        "prepend_cond_dim": config.prepend_width,
        "num_memory_tokens": config.memory_tokens,
        "transformer_type": "continuous_transformer",
        "attn_kwargs": {
            "qk_norm": head_norms[config.qk_norm],
            "differential": config.differential,
        },
        "ff_kwargs": {
            "mult": config.ff_width / config.width,
            "glu": config.ff_gated,
            "no_bias": not config.ff_out_bias,
        },
    }
    later = {
        "norm_type": norms[config.norm],
        "local_add_cond_dim": config.local_channels or None,
        "timestep_features_type": config.timestep_features,
        "timestep_features_dim": 2 * config.timestep_frequencies,
        "timestep_features_logsnr": config.timestep_log_snr,
    }
    defaults = Settings()
    settings |= {key: v for key, v in later.items() if v != getattr(defaults, key)}
    section = {"type": "dit", "diffusion_objective": config.objective, "config": settings}
    if config.time_shift is not None:
        section["sampling_distribution_shift_options"] = _shift_options(config.time_shift)
    _check_lossless(config, section)
    return section


def conditioner_config(model: Mapping[str, Any], text_width: int) -> FamilyConditionerConfig:
    """Our configuration of the conditioner from the toolkit's section "model".

    Args:
        text_width: width of the text encoder's features, which the section does not say

    Raises:
        UserError: a setting is unknown, of a wrong type, or asks for what we cannot do.
    """
    told = read_conditioning(model["conditioning"])
    section = read_section(model["diffusion"])
    texts = [part for part in told.configs if part.type in TEXT_PADDING]
    if len(texts) != 1:
        raise UserError(f"{CONDITIONING}: needs one text conditioner, has {len(texts)}")
    inpaint = None
    if section.input_concat_ids or section.local_add_cond_ids:
        inpaint = "concat" if section.input_concat_ids else "local"
    return FamilyConditionerConfig(
        text_id=texts[0].id,
        text_width=text_width,
        token_width=told.cond_dim,
        project_text=texts[0].config.project_out or text_width != told.cond_dim,
        padding=TEXT_PADDING[texts[0].type] or PADDING[texts[0].config.padding_mode],
        numbers=tuple(
            NumberPart(
                id=part.id,
                low=part.config.min_val,
                high=part.config.max_val or NUMBER_HIGH[part.type],
                kind="integer" if part.type == "int" else "number",
                features=part.config.fourier_features_type,
            )
            for part in told.configs
            if part.type in NUMBER_HIGH
        ),
        cross_ids=section.cross_attention_cond_ids,
        global_ids=section.global_cond_ids,
        prepend_ids=section.prepend_cond_ids,
        inpaint=inpaint,
        latent_channels=section.config.io_channels,
    )


def _check_lossless(config: DiTConfig, section: Mapping[str, Any]) -> None:
    again = dit_config(section)
    for name in DiTConfig.__dataclass_fields__:
        ours, theirs = getattr(config, name), getattr(again, name)
        if name == "cross_heads":
            ours, theirs = config.kv_heads, again.kv_heads
        if ours != theirs and name != "attention":
            raise UserError(f"the toolkit cannot say {name} {ours!r}; it would read {theirs!r}")


def _time_shift(section: Mapping[str, Any], found: Section) -> TimeShift | None:
    shift = found.sampling_distribution_shift_options
    if shift is None:
        later = LATER & (section.keys() | section["config"].keys())
        if found.diffusion_objective == "v" or not later:
            return None
        return LogSnrShift(per_doubling=0.0)
    where = f"{WHERE}: sampling_distribution_shift_options"
    kind = shift.get("type", "full")
    if kind not in _SHIFTS:
        raise UserError(f"{where}: type {kind!r} is not one of {', '.join(_SHIFTS)}")
    cls, names = _SHIFTS[kind]
    values = {}
    for key, value in shift.items():
        if key != "type":
            values[known(f"sampling_distribution_shift_options.{key}", key, names)] = value
    return from_mapping(cls, values, where)


def _shift_options(shift: TimeShift) -> dict[str, Any]:
    kind, names = next((k, names) for k, (cls, names) in _SHIFTS.items() if type(shift) is cls)
    return {"type": kind} | {theirs: getattr(shift, ours) for theirs, ours in names.items()}
