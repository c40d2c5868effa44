"""Noise becomes latents: DPM-Solver++ (arXiv 2211.01095) through diffusers' schedulers."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from longform.dit.condition import Condition
from longform.dit.flow import time_of_sigma
from longform.dit.guidance import Denoise, Guidance, guided
from longform.dit.model import DiT
from longform.errors import UserError
from longform.progress import OnProgress, Progress, quiet

__all__ = ["SAMPLERS", "Guidance", "exponential_sigmas", "item_noise", "sample", "solve"]

Sampler = Literal["dpmpp-2m", "dpmpp-2m-sde", "dpmpp-3m-sde"]

SAMPLERS: dict[str, dict[str, Any]] = {
    "dpmpp-2m": {"solver_order": 2, "algorithm_type": "dpmsolver++"},
    "dpmpp-2m-sde": {"solver_order": 2, "algorithm_type": "sde-dpmsolver++"},
    "dpmpp-3m-sde": {"solver_order": 3, "algorithm_type": "sde-dpmsolver++"},
}


def item_noise(seed: int, item: int, shape: Sequence[int], step: int | None = None) -> Tensor:
    """Standard normal numbers of one item, float32 on the CPU: a function of its arguments alone.

    They depend on neither the batch nor the device. Other shapes give other numbers: the noise of
    a shorter window is not the start of a longer one's. `step` names the fresh noise of a
    stochastic sampler.
    """
    text = f"{seed}/{item}" if step is None else f"{seed}/{item}/{step}"
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    return torch.randn(*shape, generator=torch.Generator().manual_seed(number >> 1))


def exponential_sigmas(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """`steps` noise levels evenly spaced in log sigma from max to min, then 0; (steps + 1,)."""
    levels = torch.linspace(math.log(sigma_max), math.log(sigma_min), steps, dtype=torch.float64)
    return torch.cat([levels.exp(), levels.new_zeros(1)]).float()


def solve(
    denoise: Denoise,
    noise: Tensor,
    *,
    sampler: str = "dpmpp-2m",
    steps: int,
    sigma_min: float,
    sigma_max: float,
    seeds: Sequence[tuple[int, int]] = (),
    init: Tensor | None = None,
    on_progress: OnProgress = quiet,
) -> Tensor:
    """Solve from noise to clean latents in `steps` calls of `denoise`.

    Args:
        denoise: velocity of (x_t, t) on the path of `longform.dit.flow`
        noise: standard normal, (b, d, f)
        seeds: (seed, item) of each item, from which stochastic samplers draw their noise
        init: latents to start from, under noise of level `sigma_max`, instead of pure noise

    Returns:
        x_0, (b, d, f)

    Raises:
        UserError: an unknown sampler, fewer than 1 step, or sigmas out of order.
    """
    scheduler = _scheduler(sampler, steps, sigma_min, sigma_max)
    stochastic = sampler.endswith("sde")
    assert not stochastic or len(seeds) == len(noise), "each item needs its (seed, item)"
    start = noise * sigma_max if init is None else init + noise * sigma_max
    x = start / math.sqrt(1 + sigma_max**2)  # x / alpha is what k-diffusion and EDM work on
    for index, time in enumerate(time_of_sigma(scheduler.sigmas[:-1]).tolist()):
        v = denoise(x, x.new_full((len(x),), time))
        fresh = None
        if stochastic:
            fresh = torch.stack([item_noise(*seed, x.shape[1:], index) for seed in seeds])
        x = scheduler.step(v, index, x, variance_noise=fresh, return_dict=False)[0]
        on_progress(Progress("denoise", index + 1, steps))
    return x


def sample(
    dit: DiT,
    noise: Tensor,
    condition: Condition,
    null: Condition | None = None,
    *,
    guidance: Guidance,
    sampler: str = "dpmpp-2m",
    steps: int,
    sigma_min: float,
    sigma_max: float,
    seeds: Sequence[tuple[int, int]] = (),
    init: Tensor | None = None,
    on_progress: OnProgress = quiet,
) -> Tensor:
    """Latents of the autoencoder (b, d, f) for a condition; see `solve` for the arguments.

    `init` is latents of the autoencoder. `null` is the condition that guidance pushes away from.
    """
    start = None if init is None else dit.standardise(init)
    latents = solve(
        guided(dit, condition, null, guidance),
        noise,
        sampler=sampler,
        steps=steps,
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        seeds=seeds,
        init=start,
        on_progress=on_progress,
    )
    return dit.restore(latents)


def _scheduler(name: str, steps: int, sigma_min: float, sigma_max: float) -> Any:
    """The diffusers scheduler on our own noise levels, which are exponential and end at 0."""
    if name not in SAMPLERS:
        raise UserError(f"sampler {name!r} is unknown; choose one of {', '.join(SAMPLERS)}")
    if steps < 1:
        raise UserError(f"steps {steps} must be at least 1")
    if not 0 < sigma_min < sigma_max:
        raise UserError(f"sigma_min {sigma_min} and sigma_max {sigma_max} must rise from above 0")
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(
        prediction_type="v_prediction", final_sigmas_type="zero", **SAMPLERS[name]
    )
    scheduler.set_timesteps(steps)
    scheduler.sigmas = exponential_sigmas(steps, sigma_min, sigma_max)
    scheduler.timesteps = torch.arange(steps)
    scheduler.set_begin_index(0)
    return scheduler
