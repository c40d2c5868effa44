"""A student that needs few steps: where its teacher would be after one of them (for "v").

The student's step is DDIM's, by progressive distillation (Salimans and Ho 2022, arXiv 2202.00512);
its teacher is guided, so that the student needs no guidance (Meng et al. 2023, arXiv 2210.03142).
The teacher crosses the same stretch by one step of DPM-Solver++(2S), which looks twice.

Written in angles phi = atan(level), level = sigma / alpha: x = cos(phi) x_0 + sin(phi) eps and
v = cos(phi) eps - sin(phi) x_0 (arXiv 2202.00512, appendix D).
"""

import math

import torch
from torch import Tensor

from longform.dit.flow import clean_from_velocity, time_of_sigma
from longform.dit.guidance import Denoise


def ddim(x: Tensor, v: Tensor, level: Tensor, following: Tensor) -> Tensor:
    """One step of DDIM, x' = cos(phi - phi') x - sin(phi - phi') v; levels (b,), x (b, d, f)."""
    turn = _wide(level.atan() - following.atan(), x)
    return turn.cos() * x - turn.sin() * v


def velocity_towards(x: Tensor, landed: Tensor, level: Tensor, following: Tensor) -> Tensor:
    """The velocity with which DDIM goes from x at `level` to `landed` at `following`, below it."""
    turn = _wide(level.atan() - following.atan(), x)
    return (turn.cos() * x - landed) / turn.sin()


@torch.no_grad()
def crossed(denoise: Denoise, x: Tensor, level: Tensor, following: Tensor) -> Tensor:
    """x' at `following` by one step of DPM-Solver++(2S), r = 1/2 (arXiv 2211.01095, algorithm 1).

    Args:
        denoise: the teacher under guidance
        x: (b, d, f) at `level` (b,)
        following: (b,), below `level`; at 0 it is the clean estimate at `level`
    """
    half = (level * following).sqrt()  # the middle in log(alpha / sigma), which is -log(level)
    middle = ddim(x, denoise(x, time_of_sigma(level)), level, half)
    time = time_of_sigma(half)
    clean = clean_from_velocity(middle, denoise(middle, time), time)
    scale = following.atan().sin() / level.atan().sin()
    gain = following.atan().cos() * (1 - following / level)  # alpha' (1 - exp(-h))
    return _wide(scale, x) * x + _wide(gain, x) * clean


def stretches(
    count: int,
    steps: int,
    sigma_min: float,
    sigma_max: float,
    generator: torch.Generator,
    tilt: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Levels (count,) from which a step goes, and those that it goes to.

    The steps of a sampler lie evenly in log(level), and its last one goes from `sigma_min` to 0.
    Here they begin anywhere, in `count` strata, so that a student can begin anywhere too; half a
    step's share begins at the very top, as a piece does, and one step's share goes to 0. With a
    `tilt` above 1 more of them begin high: with 2, half of them in the upper quarter of the steps.
    """
    ratio = (sigma_max / sigma_min) ** (1 / (steps - 1))
    strata = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    places = ((strata / count) ** tilt * steps - 0.5).clamp(min=0.0)
    level = sigma_max * torch.exp(-places * math.log(ratio))
    last = places >= steps - 1.5
    return level, torch.where(last, torch.zeros_like(level), level / ratio)


def _wide(x: Tensor, like: Tensor) -> Tensor:
    return x.to(like).view(-1, *[1] * (like.dim() - 1))
