"""Noise becomes latents: the solvers of `longform.dit.solvers` along the path of an objective."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longform.dit.condition import Condition
from longform.dit.config import Objective
from longform.dit.flow import time_of_sigma
from longform.dit.guidance import Denoise, Guidance, guided
from longform.dit.model import DiT
from longform.dit.solvers import Step, euler, multistep, ping_pong, third_order_sde
from longform.dit.time_shift import TimeShift, flow_times
from longform.errors import UserError
from longform.progress import OnProgress, Progress, quiet

__all__ = [
    "SAMPLERS",
    "Between",
    "Guidance",
    "exponential_sigmas",
    "item_noise",
    "sample",
    "samplers_for",
    "solve",
]

Between = Callable[[Tensor, float], Tensor]
"""(x_t (b, d, f), t) -> x_t: may replace the noisy latents before each call of the denoiser."""


@dataclass(frozen=True)
class Sampler:
    """A solver: what it is made of, what it solves, whether it draws noise at every step."""

    make: Callable[[Tensor, Objective], Step]
    v: bool
    flow: bool
    stochastic: bool = False


SAMPLERS: dict[str, Sampler] = {
    "dpmpp-2m": Sampler(
        lambda levels, kind: multistep(levels, kind, stochastic=False), v=True, flow=True
    ),
    "dpmpp-2m-sde": Sampler(
        lambda levels, kind: multistep(levels, kind, stochastic=True),
        v=True,
        flow=False,
        stochastic=True,
    ),
    "dpmpp-3m-sde": Sampler(
        lambda levels, _: third_order_sde(levels), v=True, flow=False, stochastic=True
    ),
    "ddim": Sampler(
        lambda levels, kind: multistep(levels, kind, order=1, stochastic=False), v=True, flow=False
    ),
    "euler": Sampler(lambda levels, _: euler(levels), v=False, flow=True),
    "pingpong": Sampler(lambda levels, _: ping_pong(levels), v=False, flow=True, stochastic=True),
}


def samplers_for(objective: Objective) -> list[str]:
    """Names of the samplers that solve an objective."""
    return [name for name, one in SAMPLERS.items() if (one.v if objective == "v" else one.flow)]


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
    objective: Objective = "v",
    sampler: str = "dpmpp-2m",
    steps: int,
    sigma_min: float = 0.0,
    sigma_max: float,
    shift: TimeShift | None = None,
    seeds: Sequence[tuple[int, int]] = (),
    init: Tensor | None = None,
    between: Between | None = None,
    on_progress: OnProgress = quiet,
) -> Tensor:
    """Solve from noise to clean latents in `steps` calls of `denoise`.

    Args:
        denoise: velocity of (x_t, t) on the path of `objective`, see `longform.dit.flow`
        noise: standard normal, (b, d, f)
        sigma_min, sigma_max: for "v" the noise levels sigma / alpha between which the steps lie;
            for flows the first time is `sigma_max`, at most 1, and `sigma_min` has no meaning
        shift: how the times of a flow are spaced
        seeds: (seed, item) of each item, from which stochastic samplers draw their noise
        init: latents to start from, under noise of level `sigma_max`, instead of pure noise
        between: may replace x_t before each call of `denoise`, as inpainting does

    Returns:
        x_0, (b, d, f)

    Raises:
        UserError: an unknown sampler, fewer than 1 step, or sigmas out of order.
    """
    _check(objective, sampler, steps, sigma_min, sigma_max)
    if objective == "v":
        levels = exponential_sigmas(steps, sigma_min, sigma_max)
        times = time_of_sigma(levels)
    else:
        times = levels = flow_times(steps, sigma_max, noise.shape[-1], shift)
    step = SAMPLERS[sampler].make(levels, objective)
    stochastic = SAMPLERS[sampler].stochastic
    assert not stochastic or len(seeds) == len(noise), "each item needs its (seed, item)"
    x = _start(noise, init, sigma_max, objective)
    for index, time in enumerate(times[:-1].tolist()):
        if between is not None:
            x = between(x, time)
        v = denoise(x, x.new_full((len(x),), time))
        fresh = None
        if stochastic:
            drawn = [item_noise(*seed, x.shape[1:], index) for seed in seeds]
            fresh = torch.stack(drawn).to(x)
        x = step(x, v, index, fresh)
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
    sigma_min: float = 0.0,
    sigma_max: float,
    seeds: Sequence[tuple[int, int]] = (),
    init: Tensor | None = None,
    between: Between | None = None,
    on_progress: OnProgress = quiet,
) -> Tensor:
    """Latents of the autoencoder (b, d, f) for a condition; see `solve` for the arguments.

    `init` is latents of the autoencoder. `null` is the condition that guidance pushes away from.
    Objective and spacing of times are those of the denoiser's configuration.
    """
    start = None if init is None else dit.standardise(init)
    latents = solve(
        guided(dit, condition, null, guidance, dit.config.objective),
        noise,
        objective=dit.config.objective,
        sampler=sampler,
        steps=steps,
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        shift=dit.config.time_shift,
        seeds=seeds,
        init=start,
        between=between,
        on_progress=on_progress,
    )
    return dit.restore(latents)


def _start(noise: Tensor, init: Tensor | None, sigma_max: float, objective: Objective) -> Tensor:
    """x at the first time; without `init` a flow takes the noise as it is, whatever the time."""
    if objective != "v":
        return noise if init is None else (1 - sigma_max) * init + sigma_max * noise
    start = noise * sigma_max if init is None else init + noise * sigma_max
    return start / math.sqrt(1 + sigma_max**2)  # x / alpha is what k-diffusion and EDM work on


def _check(
    objective: Objective, sampler: str, steps: int, sigma_min: float, sigma_max: float
) -> None:
    known = samplers_for(objective)
    if sampler not in SAMPLERS:
        raise UserError(f"sampler {sampler!r} is unknown; choose one of {', '.join(known)}")
    if sampler not in known:
        raise UserError(
            f"sampler {sampler!r} does not solve models that predict {objective!r}; "
            f"choose one of {', '.join(known)}"
        )
    if steps < 1:
        raise UserError(f"steps {steps} must be at least 1")
    if objective == "v" and not 0 < sigma_min < sigma_max:
        raise UserError(f"sigma_min {sigma_min} and sigma_max {sigma_max} must rise from above 0")
    if objective != "v" and not 0 < sigma_max <= 1:
        raise UserError(f"sigma_max {sigma_max} is a time here and must lie within 0..1, above 0")
