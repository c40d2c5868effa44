"""Tiny models of the family's kinds, in the training toolkit's own words, and inputs for them."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from longform.dit.condition import Condition
from longform.dit.config import DiTConfig
from longform.dit.family import dit_config
from longform.dit.guidance import Guidance
from longform.dit.keys import toolkit
from longform.dit.model import DiT
from longform.dit.sampling import item_noise, sample

TOOLKIT = "stable_audio_tools"
LATER = "stable_audio_3"
FRAMES, TOKENS, BATCH = 12, 5, 2
STEPS = 10
SEEDS = [(5, 0), (5, 1)]
GUIDED = [(1.0, False), (1.0, True), (7.0, False), (7.0, True)]  # scale, with a negative prompt
CALM = 0.08  # a wilder network blows rounding up to 1e-2 within ten steps


def section(objective: str = "v", **changes: Any) -> dict[str, Any]:
    """A section "diffusion": two heads of 32 channels, half as many key-value heads."""
    config = {
        "io_channels": 4,
        "embed_dim": 64,
        "depth": 2,
        "num_heads": 2,
        "cond_token_dim": 32,
        "project_cond_tokens": False,
        "global_cond_dim": 24,
        "transformer_type": "continuous_transformer",
    }
    return {"type": "dit", "diffusion_objective": objective, "config": config | changes}


_ADALN = {"global_cond_type": "adaLN", "num_memory_tokens": 3}
_THREE = {
    **_ADALN,
    "norm_type": "rms_norm",
    "local_add_cond_dim": 5,
    "timestep_features_type": "expo",
    "timestep_features_logsnr": True,
}

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "open-1.0": (TOOLKIT, section()),
    "projected-tokens": (TOOLKIT, section(project_cond_tokens=True)),
    "adaln-memory": (TOOLKIT, section(**_ADALN)),
    "open-small": (TOOLKIT, section("rf_denoiser", attn_kwargs={"qk_norm": "ln"})),
    "l2": (TOOLKIT, section("rectified_flow", attn_kwargs={"qk_norm": "l2"})),
    "patches": (TOOLKIT, section(patch_size=2)),
    "differential": (TOOLKIT, section(attn_kwargs={"differential": True, "qk_norm": "ln"})),
    "plain-mlp": (TOOLKIT, section(ff_kwargs={"glu": False, "mult": 2})),
    "mlp-without-bias": (TOOLKIT, section(ff_kwargs={"no_bias": True, "mult": 2.5})),
    "prepended": (TOOLKIT, section(prepend_cond_dim=6, num_memory_tokens=2)),
    "inpainting-beside": (TOOLKIT, section(input_concat_dim=5)),
    "3-small": (LATER, section("rectified_flow", **_THREE, attn_kwargs={"qk_norm": "rms"})),
    "3-medium": (
        LATER,
        section("rf_denoiser", **_THREE, attn_kwargs={"qk_norm": "rms", "differential": True}),
    ),
}


def make_dit(config: DiTConfig, seed: int = 0, spread: float = 0.12) -> DiT:
    """Every parameter away from its start: zero-initialised branches would hide mistakes.

    A larger `spread` makes a wilder network.
    """
    generator = torch.Generator().manual_seed(seed)
    dit = DiT(config).eval().requires_grad_(False)
    for name, parameter in sorted(dit.named_parameters()):
        scale = 1.0 if name == "timestep_features.weight" else spread
        start = 1.0 if name.endswith(("gamma", "norm.weight")) else 0.0
        parameter.copy_(start + scale * torch.randn(parameter.shape, generator=generator))
    return dit


def make_condition(config: DiTConfig, seed: int = 1) -> Condition:
    """Random values for every input that a model has."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor | None:
        return torch.randn(BATCH, *shape, generator=generator) if all(shape) else None

    tokens, whole = draw(TOKENS, config.cond_token_width), draw(config.global_width)
    assert tokens is not None and whole is not None
    return Condition(
        tokens,
        None,
        whole,
        prepend=draw(2, config.prepend_width),
        concat=draw(FRAMES, config.concat_channels),
        local=draw(FRAMES, config.local_channels),
    )


def make_input(config: DiTConfig, seed: int = 2) -> tuple[Tensor, Tensor]:
    """Noisy latents and times."""
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(BATCH, config.io_channels, FRAMES, generator=generator)
    return latents, torch.tensor([0.23, 0.91])


def variant(name: str) -> tuple[str, dict[str, Any], DiTConfig]:
    """Whose code knows it, its section, our configuration."""
    package, asked = VARIANTS[name]
    return package, asked, dit_config(asked)


def toolkit_tensors(dit: DiT) -> dict[str, Tensor]:
    """The denoiser's tensors under the toolkit's names."""
    named = {toolkit(f"dit.{key}"): tensor for key, tensor in dit.state_dict().items()}
    return {name: tensor for name, tensor in named.items() if name is not None}


def noise() -> Tensor:
    """What trajectories start from."""
    return torch.stack([item_noise(*seed, (4, FRAMES)) for seed in SEEDS])


def conditions(config: DiTConfig, negative: bool) -> tuple[Condition, Condition]:
    """What is wanted, and what guidance pushes away from: nothing, or a negative prompt."""
    wanted = make_condition(config)
    tokens = make_condition(config, seed=9).tokens if negative else torch.zeros_like(wanted.tokens)
    return wanted, replace(wanted, tokens=tokens)


def trajectory(
    dit: DiT, sampler: str, guidance: Guidance, negative: bool, start: float = 1.0
) -> Tensor:
    """Ten steps of ours; a flow that starts below 1 starts from a ramp under noise."""
    wanted, unwanted = conditions(dit.config, negative)
    settings = {"sigma_max": start}
    if dit.config.objective == "v":
        settings = {"sigma_min": 0.3, "sigma_max": 100.0}
    return sample(
        dit,
        noise(),
        wanted,
        unwanted,
        guidance=guidance,
        sampler=sampler,
        steps=STEPS,
        seeds=SEEDS,
        init=ramp() if start < 1 else None,
        **settings,
    )


def ramp() -> Tensor:
    """Latents to start from."""
    return torch.linspace(-1, 1, FRAMES).expand(BATCH, 4, -1)
