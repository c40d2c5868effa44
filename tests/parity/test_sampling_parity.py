"""Whole sampled trajectories against the reference's, from the same noise, on random weights."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from dit_family import (
    BATCH,
    CALM,
    FRAMES,
    GUIDED,
    SEEDS,
    STEPS,
    VARIANTS,
    conditions,
    make_dit,
    noise,
    ramp,
    section,
    toolkit_tensors,
    trajectory,
)
from torch import Tensor, nn

from longform.dit import time_shift
from longform.dit.family import dit_config
from longform.dit.guidance import Guidance, guided
from longform.dit.keys import derived
from longform.dit.model import DiT
from longform.dit.sampling import item_noise
from longform.dit.time_shift import flow_times

pytestmark = pytest.mark.parity
Find = Callable[[str], ModuleType]
Gold = Callable[[str, Tensor], None]
Figure = Callable[[str, Tensor, Tensor, float], None]
LIMIT = 1e-4


def fresh_noise() -> Iterator[Tensor]:
    """What our stochastic samplers draw, step by step."""
    for step in range(STEPS):
        yield torch.stack([item_noise(*seed, (4, FRAMES), step) for seed in SEEDS])


def models(find: Find, package: str, asked: dict[str, Any]) -> tuple[DiT, nn.Module]:
    """The same denoiser on both sides; the reference's takes the words of its samplers."""
    config = dit_config(asked)
    dit = make_dit(config, spread=CALM)
    wrapper = find(f"{package}.models.diffusion").DiTWrapper
    made = wrapper(diffusion_objective=config.objective, **asked["config"])
    tensors = toolkit_tensors(dit) | derived(config)
    made.load_state_dict({key.removeprefix("model."): t for key, t in tensors.items()})
    return dit, made.eval().requires_grad_(False)


def words(dit: DiT, negative: bool) -> dict[str, Any]:
    """The conditions in the reference's words."""
    wanted, unwanted = conditions(dit.config, negative)
    said = {"cross_attn_cond": wanted.tokens, "global_cond": wanted.global_}
    if negative:
        said["negative_cross_attn_cond"] = unwanted.tokens
    if wanted.local is not None:
        said["local_add_cond"] = wanted.local.mT
    return said


def told(sampler: str, scale: float, negative: bool) -> str:
    return f"{sampler}, guidance {scale:g}{', negative prompt' if negative else ''}"


@pytest.mark.parametrize(("scale", "negative"), GUIDED)
@pytest.mark.parametrize("sampler", ["dpmpp-2m", "dpmpp-2m-sde", "dpmpp-3m-sde"])
def test_v_trajectories_equal_k_diffusion(
    find: Find, gold: Gold, figure: Figure, sampler: str, scale: float, negative: bool
) -> None:
    dit, reference = models(find, *VARIANTS["open-1.0"])
    k = find("k_diffusion")
    sigmas = k.sampling.get_sigmas_polyexponential(STEPS, 0.3, 100.0, 1.0)
    extra: dict[str, Any] = {"extra_args": {**words(dit, negative), "cfg_scale": scale}}
    if sampler.endswith("sde"):
        drawn = fresh_noise()
        extra["noise_sampler"] = lambda *_: next(drawn)
    run = getattr(k.sampling, f"sample_{sampler.replace('-', '_')}")
    start = noise() * 100.0
    theirs = run(k.external.VDenoiser(reference), start, sigmas, disable=True, **extra)
    gold(f"v/{sampler}/{scale:g}/{negative}", theirs)
    assert theirs.std() > 0.3
    ours = trajectory(dit, sampler, Guidance(scale=scale), negative)
    figure(f"trajectory, v, {told(sampler, scale, negative)}", ours, theirs, LIMIT)


@pytest.mark.parametrize("start", [1.0, 0.6])
@pytest.mark.parametrize(("scale", "negative"), GUIDED)
@pytest.mark.parametrize("sampler", ["euler", "pingpong", "dpmpp-2m"])
def test_flow_trajectories_equal_the_toolkit(
    find: Find,
    gold: Gold,
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
    scale: float,
    negative: bool,
    start: float,
) -> None:
    dit, reference = models(find, *VARIANTS["open-small"])
    drawn = fresh_noise()
    module = find("stable_audio_tools.inference.sampling")
    monkeypatch.setattr(module.torch, "randn_like", lambda _: next(drawn))
    theirs = module.sample_rf(
        reference,
        noise(),
        init_data=ramp() if start < 1 else None,
        steps=STEPS,
        sampler_type=sampler.removesuffix("-2m"),
        sigma_max=start,
        cfg_scale=scale,
        **words(dit, negative),
    )
    gold(f"small/{sampler}/{scale:g}/{negative}/{start:g}", theirs)
    assert theirs.std() > 0.3
    ours = trajectory(dit, sampler, Guidance(scale=scale), negative, start)
    name = f"trajectory, flow from {start:g}, {told(sampler, scale, negative)}"
    figure(name, ours, theirs, LIMIT)


@pytest.mark.parametrize("projection", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("sampler", ["euler", "pingpong"])
def test_flow_trajectories_equal_stable_audio_3(
    find: Find,
    gold: Gold,
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
    projection: float,
) -> None:
    """From noise alone: below 1 the reference's second time is noisier than its first."""
    dit, reference = models(find, *VARIANTS["3-medium"])
    drawn = fresh_noise()
    module = find("stable_audio_3.inference.sampling")
    monkeypatch.setattr(module.torch, "randn_like", lambda _: next(drawn))
    shift = find("stable_audio_3.inference.distribution_shift").LogSNRShift(rate=0)
    theirs = module.sample_diffusion(
        reference,
        noise(),
        words(dit, negative=True),
        "rf_denoiser",
        STEPS,
        cfg_scale=7.0,
        apg_scale=projection,
        dist_shift=shift,
        sampler_type=sampler,
        disable_tqdm=True,
        decode=False,
    )
    gold(f"3/{sampler}/{projection:g}", theirs)
    guidance = Guidance(scale=7.0, projection=projection)
    assert theirs.std() > 0.3
    ours = trajectory(dit, sampler, guidance, True)
    figure(f"trajectory, 3, {told(sampler, 7, True)}, APG {projection:g}", ours, theirs, LIMIT)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.95)])
@pytest.mark.parametrize("objective", ["v", "rf_denoiser"])
def test_rescaled_guidance_within_an_interval_equals_the_toolkit(
    find: Find, objective: str, low: float, high: float
) -> None:
    dit, reference = models(find, "stable_audio_tools", section(objective))
    wanted, unwanted = conditions(dit.config, negative=False)
    guidance = Guidance(scale=5.0, rescale=0.7, interval=(low, high))
    settings = {"cfg_scale": 5.0, "scale_phi": 0.7, "cfg_interval": (low, high)}
    denoise = guided(dit, wanted, unwanted, guidance, dit.config.objective)
    for t in (0.1, 0.25, 0.5, 0.9, 0.99):
        time = torch.full((BATCH,), t)
        theirs = reference(noise(), time, **words(dit, False), **settings)
        assert (denoise(noise(), time) - theirs).abs().max() <= 2e-5, t


@pytest.mark.parametrize("frames", [100, 2000, 9000])
def test_shifted_times_equal_stable_audio_3(find: Find, frames: int) -> None:
    shifts = find("stable_audio_3.inference.distribution_shift")
    build = find("stable_audio_3.inference.sampling").build_schedule
    for ours, theirs in (
        (time_shift.NoShift(), shifts.IdentityDistributionShift()),
        (time_shift.LogSnrShift(), shifts.LogSNRShift()),
        (
            time_shift.FluxShift(min_alpha=1.5, max_alpha=6.0),
            shifts.FluxDistributionShift(alpha_min=1.5, alpha_max=6.0),
        ),
        (time_shift.ExponentialShift(), shifts.DistributionShift()),
        (time_shift.ExponentialShift(sine=True), shifts.DistributionShift(use_sine=True)),
    ):
        wanted = build(STEPS, 1.0, theirs, effective_seq_len=frames)
        times = flow_times(STEPS, 1.0, frames, ours)
        torch.testing.assert_close(times, wanted, atol=1e-6, rtol=0)
