"""Objectives: path, target, conversions, time steps and loss (no network in sight).

x_t = alpha x_0 + sigma eps, t from 0 (clean) to 1 (noise); the network predicts v = a eps - b x_0:

    v                            alpha = cos(pi t / 2), sigma = sin(pi t / 2), a = alpha, b = sigma
                                 (arXiv 2202.00512, section 4 and appendix D)
    rectified_flow, rf_denoiser  alpha = 1 - t, sigma = t, a = b = 1 (arXiv 2209.03003, eq. 1)

On both a alpha + b sigma = 1, hence x_0 = a x_t - sigma v and eps = b x_t + alpha v.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from longform.dit.config import Objective


def alpha_sigma(time: Tensor, objective: Objective = "v") -> tuple[Tensor, Tensor]:
    """Share of signal and of noise at `time`, in float32 whatever the autocast."""
    if objective == "v":
        angle = time.float() * (math.pi / 2)
        return angle.cos(), angle.sin()
    return 1 - time.float(), time.float()


def _rates(time: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
    """a and b of v = a eps - b x_0."""
    if objective == "v":
        return alpha_sigma(time)
    return torch.ones_like(time).float(), torch.ones_like(time).float()


def _wide(x: Tensor, like: Tensor) -> Tensor:
    return x.view(-1, *[1] * (like.dim() - 1))


def noised(clean: Tensor, noise: Tensor, time: Tensor, objective: Objective = "v") -> Tensor:
    """x_t of clean (b, d, f) and noise (b, d, f) at time (b,)."""
    alpha, sigma = (_wide(x, clean) for x in alpha_sigma(time, objective))
    return alpha * clean + sigma * noise


def velocity(clean: Tensor, noise: Tensor, time: Tensor, objective: Objective = "v") -> Tensor:
    """The target v of the network."""
    a, b = (_wide(x, clean) for x in _rates(time, objective))
    return a * noise - b * clean


def clean_from_velocity(x: Tensor, v: Tensor, time: Tensor, objective: Objective = "v") -> Tensor:
    """x_0 = a x_t - sigma v."""
    a, _ = _rates(time, objective)
    _, sigma = alpha_sigma(time, objective)
    return _wide(a, x) * x - _wide(sigma, x) * v


def noise_from_velocity(x: Tensor, v: Tensor, time: Tensor, objective: Objective = "v") -> Tensor:
    """eps = b x_t + alpha v."""
    _, b = _rates(time, objective)
    alpha, _ = alpha_sigma(time, objective)
    return _wide(b, x) * x + _wide(alpha, x) * v


def time_of_sigma(sigma: Tensor) -> Tensor:
    """t of "v" = (2 / pi) atan(s); s = sigma / alpha is the noise level of k-diffusion and EDM."""
    return sigma.atan() * (2 / math.pi)


def draw_times(
    count: int,
    generator: torch.Generator,
    logit_normal_share: float = 0.5,
    logit_normal_mean: float = 0.0,
) -> Tensor:
    """Time steps of one batch, (count,): uniform in `count` strata, a share of them logit-normal.

    Each item is logit-normal (arXiv 2403.03206, eq. 19, deviation 1) with the given probability:
    middle times, where most is decided, come more often. A mean above 0 moves them to more noise.
    """
    strata = torch.randperm(count, generator=generator)
    uniform = (strata + torch.rand(count, generator=generator)) / count
    normal = (torch.randn(count, generator=generator) + logit_normal_mean).sigmoid()
    chosen = torch.rand(count, generator=generator) < logit_normal_share
    return torch.where(chosen, normal, uniform)


def loss(
    predicted: Tensor, clean: Tensor, noise: Tensor, time: Tensor, objective: Objective = "v"
) -> Tensor:
    """Mean squared error of the velocity, per item, (b,); padding counts as all else does."""
    target = velocity(clean, noise, time, objective)
    return F.mse_loss(predicted.float(), target, reduction="none").flatten(1).mean(dim=1)
