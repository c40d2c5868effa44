"""A model configuration from names and shapes alone: for files that come without one.

The result has the schema of the training toolkit's model_config.json, so that everything after it
works from one kind of description. What shapes cannot say (objective, text encoder, ranges of
numbers, sample rate) is taken from the published member of the family that has these tensors.
"""

import re
from collections.abc import Mapping
from typing import Any

from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.settings import to_toolkit
from longform.errors import UserError
from longform.hub.diffusers_keys import AUTOENCODER, CONDITIONER, DIT
from longform.hub.tensors import Shape

HEAD_WIDTH = 64
SAMPLE_RATE = 44_100
LATER = (".to_scale_shift_gate", "bottleneck.scaling_factor")
T5_WIDTHS = {512: "t5-small", 768: "t5-base", 1024: "t5-large"}

Shapes = Mapping[str, Shape]


def infer_config(shapes: Shapes, where: str) -> dict[str, Any]:
    """The model configuration that these tensors (toolkit names) have.

    Raises:
        UserError: they are of no model of the family, or a tensor that tells a size is missing.
    """
    try:
        return _config(shapes, where)
    except UserError:
        raise
    except KeyError as error:
        raise UserError(
            f"{where}: has no {error.args[0]!r}, so its sizes cannot be told; put the model's "
            "model_config.json beside it"
        ) from None
    except (IndexError, ZeroDivisionError, ValueError):
        raise UserError(
            f"{where}: its tensors have shapes that no model of the family has"
        ) from None


def _config(shapes: Shapes, where: str) -> dict[str, Any]:
    has_dit = any(key.startswith(DIT) for key in shapes)
    has_coder = any(key.startswith(AUTOENCODER) for key in shapes)
    if any(key.endswith(LATER) for key in shapes):
        raise UserError(
            f"{where}: is of Stable Audio 3, whose settings tensors do not tell; put its "
            "model_config.json beside it"
        )
    if not has_dit and not has_coder:
        raise UserError(f"{where}: holds neither a denoiser nor an autoencoder of the family")
    coder = oobleck_config(shapes) if has_coder else None
    if not has_dit:
        return {
            "model_type": "autoencoder",
            "sample_size": 65_536,
            "sample_rate": SAMPLE_RATE,
            "audio_channels": (coder or {})["io_channels"],
            "model": coder,
        }
    return diffusion_config(shapes, coder)


def diffusion_config(shapes: Shapes, coder: dict[str, Any] | None) -> dict[str, Any]:
    """A text-to-audio model; `coder` is the configuration of its autoencoder."""
    dit = dit_config(shapes)
    few_steps = "qk_norm" in dit["attn_kwargs"]
    numbers = number_ids(shapes)
    seconds_max = 256 if few_steps else 512
    width = dit["cond_token_dim"]
    configs: list[dict[str, Any]] = [_text(shapes, dit)]
    for name in numbers:
        bounds = {"min_val": 0, "max_val": seconds_max}
        configs.append({"id": name, "type": "number", "config": bounds})
    model: dict[str, Any] = {"io_channels": dit["io_channels"]}
    if coder is not None:
        model["pretransform"] = {"type": "autoencoder", "iterate_batch": True, "config": coder}
    model["conditioning"] = {"cond_dim": width, "configs": configs}
    model["diffusion"] = {
        "type": "dit",
        "diffusion_objective": "rf_denoiser" if few_steps else "v",
        "cross_attention_cond_ids": ["prompt", *numbers],
        "global_cond_ids": list(numbers),
        "config": dit,
    }
    hop = coder["downsampling_ratio"] if coder else 2048
    return {
        "model_type": "diffusion_cond",
        "sample_size": hop * (256 if few_steps else 1024),
        "sample_rate": SAMPLE_RATE,
        "audio_channels": coder["io_channels"] if coder else 2,
        "model": model,
    }


def dit_config(shapes: Shapes) -> dict[str, Any]:
    """The denoiser's own part of the configuration."""
    prefix = f"{DIT}transformer."
    width, channels = shapes[f"{prefix}project_in.weight"]
    first = f"{prefix}layers.0."
    head = next(
        (
            shapes[key][0]
            for key in _ends(shapes, "self_attn.q_norm.weight", "self_attn.q_norm.gamma")
        ),
        HEAD_WIDTH,
    )
    config: dict[str, Any] = {
        "io_channels": channels,
        "embed_dim": width,
        "depth": count(shapes, rf"{re.escape(prefix)}layers\.(\d+)\."),
        "num_heads": width // head,
        "cond_token_dim": shapes[f"{DIT}to_cond_embed.0.weight"][1],
        "global_cond_dim": shapes[f"{DIT}to_global_embed.0.weight"][1],
        "project_cond_tokens": False,
        "transformer_type": "continuous_transformer",
        "attn_kwargs": {},
    }
    if f"{first}self_attn.q_norm.weight" in shapes:
        config["attn_kwargs"] = {"qk_norm": "ln"}
    return config


def oobleck_config(shapes: Shapes) -> dict[str, Any]:
    """The autoencoder, as the configuration of a pretransform has it."""
    prefix = f"{AUTOENCODER}encoder.layers."
    stages = count(shapes, rf"{re.escape(prefix)}(\d+)\.layers\.4\.weight_v") - 1
    channels, audio, _ = shapes[f"{prefix}0.weight_v"]
    convs = [shapes[f"{prefix}{stage + 1}.layers.4.weight_v"] for stage in range(stages)]
    parameters = shapes[f"{prefix}{stages + 2}.weight_v"][0]
    return to_toolkit(
        OobleckConfig(
            audio_channels=audio,
            channels=channels,
            multipliers=tuple(conv[0] // channels for conv in convs),
            strides=tuple(conv[2] // 2 for conv in convs),
            latent_channels=parameters // 2,
        )
    )


def number_ids(shapes: Shapes) -> list[str]:
    """Conditioners that read a number, by the names of their tensors."""
    ending = ".embedder.embedding.1.weight"
    found = {key[len(CONDITIONER) : -len(ending)] for key in _ends(shapes, ending)}
    return sorted(found)


def count(keys: Mapping[str, object], pattern: str) -> int:
    """One more than the largest number that `pattern` finds at the start of a key; 0 for none."""
    matches = map(re.compile(pattern).match, keys)
    return max((int(match[1]) + 1 for match in matches if match), default=0)


def _text(shapes: Shapes, dit: Mapping[str, Any]) -> dict[str, Any]:
    """The text conditioner, which leaves no tensor behind unless it projects or pads."""
    projection = shapes.get(f"{CONDITIONER}prompt.proj_out.weight")
    width = projection[1] if projection else dit["cond_token_dim"]
    name = T5_WIDTHS.get(width, "t5-base")
    return {"id": "prompt", "type": "t5", "config": {"t5_model_name": name, "max_length": 128}}


def _ends(shapes: Shapes, *endings: str) -> list[str]:
    return [key for key in shapes if key.endswith(endings)]
