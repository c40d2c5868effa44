"""The v-objective: path, target, conversions, time steps and loss (no network in sight).

x_t = alpha x_0 + sigma eps, alpha = cos(pi t / 2), sigma = sin(pi t / 2), t from 0 (clean) to 1;
v = alpha eps - sigma x_0 (arXiv 2202.00512, section 4 and appendix D).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def alpha_sigma(time: Tensor) -> tuple[Tensor, Tensor]:
    """Share of signal and of noise at `time`, in float32 whatever the autocast."""
    angle = time.float() * (math.pi / 2)
    return angle.cos(), angle.sin()


def _wide(x: Tensor, like: Tensor) -> Tensor:
    return x.view(-1, *[1] * (like.dim() - 1))


def noised(clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """x_t of clean (b, d, f) and noise (b, d, f) at time (b,)."""
    alpha, sigma = (_wide(x, clean) for x in alpha_sigma(time))
    return alpha * clean + sigma * noise


def velocity(clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """The target v of the network."""
    alpha, sigma = (_wide(x, clean) for x in alpha_sigma(time))
    return alpha * noise - sigma * clean


def clean_from_velocity(x: Tensor, v: Tensor, time: Tensor) -> Tensor:
    """x_0 = alpha x_t - sigma v."""
    alpha, sigma = (_wide(a, x) for a in alpha_sigma(time))
    return alpha * x - sigma * v


def noise_from_velocity(x: Tensor, v: Tensor, time: Tensor) -> Tensor:
    """eps = sigma x_t + alpha v."""
    alpha, sigma = (_wide(a, x) for a in alpha_sigma(time))
    return sigma * x + alpha * v


def time_of_sigma(sigma: Tensor) -> Tensor:
    """t = (2 / pi) atan(s), where s = sigma / alpha is the noise level of k-diffusion and EDM."""
    return sigma.atan() * (2 / math.pi)


def draw_times(count: int, generator: torch.Generator, logit_normal_share: float = 0.5) -> Tensor:
    """Time steps of one batch, (count,): uniform in `count` strata, a share of them logit-normal.

    Each item is logit-normal (arXiv 2403.03206, eq. 19, mean 0, deviation 1) with the given
    probability: middle times, where most is decided, come more often and no time goes unseen.
    """
    strata = torch.randperm(count, generator=generator)
    uniform = (strata + torch.rand(count, generator=generator)) / count
    normal = torch.randn(count, generator=generator).sigmoid()
    chosen = torch.rand(count, generator=generator) < logit_normal_share
    return torch.where(chosen, normal, uniform)


def loss(predicted: Tensor, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Mean squared error of the velocity, per item, (b,); padding counts as all else does."""
    target = velocity(clean, noise, time)
    return F.mse_loss(predicted.float(), target, reduction="none").flatten(1).mean(dim=1)
