"""Classifier-free guidance (arXiv 2207.12598): scale, noise interval and rescaling."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from longform.dit.condition import Condition, join
from longform.errors import UserError

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(noisy latents (b, d, f), time (b,)) -> velocity (b, d, f)."""
Model = Callable[[Tensor, Tensor, Condition], Tensor]


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """How strongly the condition is exaggerated.

    `interval` is the range of t (0 clean, 1 noise) in which guidance acts (arXiv 2404.07724);
    outside of it the network runs once, conditioned. `rescale` pulls the standard deviation of the
    guided velocity back to that of the conditioned one (arXiv 2305.08891, eq. 15, 16), per item.
    """

    scale: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)
    rescale: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.interval
        if not 0 <= low <= high <= 1:
            raise UserError(f"guidance interval {self.interval} must rise within 0..1")
        if not 0 <= self.rescale <= 1:
            raise UserError(f"guidance rescale {self.rescale} must lie within 0..1")


def guided(
    model: Model, condition: Condition, null: Condition | None, guidance: Guidance
) -> Denoise:
    """The denoiser that samplers see: null + scale * (condition - null), one doubled batch.

    A negative prompt is its condition in place of `null`.
    """
    if null is None or guidance.scale == 1.0:
        return lambda x, time: model(x, time, condition)
    both = join(condition, null)
    low, high = guidance.interval

    def denoise(x: Tensor, time: Tensor) -> Tensor:
        if not low <= float(time[0]) <= high:
            return model(x, time, condition)
        doubled = model(torch.cat([x, x]), torch.cat([time, time]), both)
        wanted, unwanted = doubled.chunk(2)
        mixed = unwanted + guidance.scale * (wanted - unwanted)
        return rescaled(mixed, wanted, guidance.rescale) if guidance.rescale else mixed

    return denoise


def rescaled(mixed: Tensor, wanted: Tensor, share: float) -> Tensor:
    """`mixed` (b, d, f) with its deviation moved towards that of `wanted` by `share`, per item."""
    axes = tuple(range(1, mixed.dim()))
    ratio = wanted.std(dim=axes, keepdim=True) / mixed.std(dim=axes, keepdim=True).clamp(min=1e-8)
    return mixed * (share * ratio + (1 - share))
