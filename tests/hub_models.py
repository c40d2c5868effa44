"""Checkpoints of the Stable Audio family with random weights, small enough to make in any test."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longform.autoencoder.config import SameConfig
from longform.autoencoder.settings import to_toolkit
from longform.checkpoint import save_tensors
from longform.dit.config import DiTConfig
from longform.dit.family import diffusion_section
from longform.dit.time_shift import LogSnrShift
from longform.hub.manifest import describe
from longform.hub.networks import parts_of

WIDTH = 64
SIZES = {"channels": 8, "c_mults": [1, 2], "strides": [2, 4], "use_snake": True}
CODER = {
    "encoder": {"type": "oobleck", "config": {"in_channels": 2, **SIZES, "latent_dim": 8}},
    "decoder": {
        "type": "oobleck",
        "config": {"out_channels": 2, **SIZES, "latent_dim": 4, "final_tanh": False},
    },
    "bottleneck": {"type": "vae"},
    "latent_dim": 4,
    "downsampling_ratio": 8,
    "io_channels": 2,
}
TEXTS = {
    "open": {"type": "t5", "config": {"t5_model_name": "t5-base", "max_length": 128}},
    "small": {"type": "t5", "config": {"t5_model_name": "t5-base", "max_length": 64}},
    "two": {
        "type": "clap_text",
        "config": {
            "audio_model_type": "HTSAT-base",
            "enable_fusion": True,
            "clap_ckpt_path": "clap.ckpt",
            "use_text_features": True,
            "feature_layer_ix": -2,
        },
    },
}
SAME = SameConfig(
    patch_samples=4,
    channels=32,
    multipliers=(2,),
    encoder_depths=(1,),
    decoder_depths=(1,),
    latent_channels=4,
)
THREE = DiTConfig(
    objective="rf_denoiser",
    io_channels=4,
    width=2 * WIDTH,
    depth=2,
    heads=2,
    cond_token_width=WIDTH,
    global_width=WIDTH,
    global_mode="adaln",
    local_channels=5,
    norm="rms",
    qk_norm="rms",
    differential=True,
    ff_width=4 * WIDTH,
    memory_tokens=4,
    timestep_features="expo",
    timestep_log_snr=True,
    time_shift=LogSnrShift(per_doubling=0.0),
)
WINDOWED = replace(SAME, window=(1, 1), decoder_kernel=1, latent_noise=0.0)
PLAIN_THREE = replace(
    THREE, cond_token_width=768, global_width=768, project_tokens=True, timestep_log_snr=False
)
"""With `WINDOWED`, a Stable Audio 3 that diffusers' classes can be told."""
FAMILIES = {
    "open": "stable-audio-open-1.0",
    "small": "stable-audio-open-small",
    "two": "stable-audio-2.0",
    "three": "stable-audio-3-small",
}


def toolkit_config(kind: str) -> dict[str, Any]:
    """A model_config of one of `FAMILIES`, of "windowed", which is Stable Audio 3 as diffusers has
    it, or of "coder", an Oobleck alone."""
    head = {"sample_size": 8 * 32, "sample_rate": 44_100, "audio_channels": 2}
    if kind == "coder":
        return {"model_type": "autoencoder", **head, "model": copy.deepcopy(CODER)}
    if kind == "three":
        return {"model_type": "diffusion_cond_inpaint", **head, "model": _three(THREE, SAME)}
    if kind == "windowed":
        model = _three(PLAIN_THREE, WINDOWED)
        return {"model_type": "diffusion_cond_inpaint", **head, "model": model}
    numbers = ["seconds_total"] if kind == "small" else ["seconds_start", "seconds_total"]
    bounds = {"min_val": 0, "max_val": 256 if kind == "small" else 512}
    configs = [{"id": "prompt", **TEXTS[kind]}]
    configs += [{"id": name, "type": "number", "config": bounds} for name in numbers]
    dit: dict[str, Any] = {
        "io_channels": 4,
        "embed_dim": 2 * WIDTH,
        "depth": 2,
        "num_heads": 2,
        "cond_token_dim": WIDTH,
        "global_cond_dim": WIDTH * len(numbers),
        "project_cond_tokens": False,
        "transformer_type": "continuous_transformer",
    }
    if kind == "small":
        dit["attn_kwargs"] = {"qk_norm": "ln"}
    diffusion: dict[str, Any] = {
        "type": "dit",
        "cross_attention_cond_ids": ["prompt", *numbers],
        "global_cond_ids": numbers,
        "config": dit,
    }
    if kind == "small":
        diffusion["diffusion_objective"] = "rf_denoiser"
    model = {
        "pretransform": {"type": "autoencoder", "iterate_batch": True, "config": CODER},
        "io_channels": 4,
        "conditioning": {"cond_dim": WIDTH, "configs": configs},
        "diffusion": diffusion,
    }
    return {"model_type": "diffusion_cond", **head, "model": copy.deepcopy(model)}


def _three(dit: DiTConfig, coder: SameConfig) -> dict[str, Any]:
    """The section "model" of Stable Audio 3."""
    number = {"min_val": 0, "max_val": 384, "fourier_features_type": "expo"}
    configs = [
        {
            "id": "prompt",
            "type": "t5gemma",
            "config": {"max_length": 256, "padding_mode": "learned"},
        },
        {"id": "seconds_total", "type": "number", "config": number},
    ]
    return {
        "io_channels": 4,
        "pretransform": {"type": "autoencoder", "config": to_toolkit(coder)},
        "conditioning": {"cond_dim": dit.cond_token_width, "configs": configs},
        "diffusion": {
            **diffusion_section(dit),
            "cross_attention_cond_ids": ["prompt", "seconds_total"],
            "global_cond_ids": ["seconds_total"],
            "local_add_cond_ids": ["inpaint_mask", "inpaint_masked_input"],
        },
    }


def toolkit_tensors(
    config: dict[str, Any], dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Random tensors of every name that such a model has in the toolkit's file."""
    generator = torch.Generator().manual_seed(0)
    alone = config["model_type"] == "autoencoder"
    tensors = {}
    for part in parts_of(describe(config, "tiny", "test"), "test").values():
        with torch.device("meta"):
            state = part.build().state_dict()
        for key, value in state.items():
            name = part.rename(key)
            if name is not None:
                name = name.removeprefix("pretransform.model.") if alone else name
                noise = torch.randn(value.shape, generator=generator)
                tensors[name] = (0.1 * noise).to(dtype)
    if not alone:
        steps = torch.arange(0, 32, 2).float() / 32
        name = "model.model.transformer.rotary_pos_emb.inv_freq"
        tensors[name] = (1.0 / 10_000**steps).to(dtype)
    return tensors


def write_toolkit(
    folder: Path, kind: str, dtype: torch.dtype = torch.float32, *, config: bool = True
) -> dict[str, Tensor]:
    """Write model.safetensors and model_config.json to a new folder; the tensors."""
    settings = toolkit_config(kind)
    tensors = toolkit_tensors(settings, dtype)
    folder.mkdir()
    save_tensors(folder / "model.safetensors", tensors)
    if config:
        (folder / "model_config.json").write_text(json.dumps(settings))
    return tensors


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    """The same names, data types and bits."""
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.dtype == second[name].dtype and torch.equal(tensor, second[name]), name
