"""Classifier-free guidance (arXiv 2207.12598): scale, projection, noise interval, rescaling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from longform.dit.condition import Condition, join
from longform.dit.config import Objective
from longform.dit.flow import alpha_sigma, clean_from_velocity
from longform.errors import UserError

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(noisy latents (b, d, f), time (b,)) -> velocity (b, d, f)."""
Model = Callable[[Tensor, Tensor, Condition], Tensor]


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """How strongly the condition is exaggerated.

    `interval` is the range of the share of noise (sin(pi t / 2) for "v", t for flows) in which
    guidance acts (arXiv 2404.07724); outside of it the network runs once, conditioned.
    `projection` is how much of the difference between conditioned and unconditioned estimate is
    taken away along the conditioned one: 0 is plain guidance, 1 adaptive projected guidance (arXiv
    2410.02416, section 4.1). `rescale` pulls the standard deviation of the guided velocity, per
    frame, back to that of the conditioned one (arXiv 2305.08891, eq. 15, 16).
    """

    scale: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)
    projection: float = 0.0
    rescale: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.interval
        if not 0 <= low <= high <= 1:
            raise UserError(f"guidance interval {self.interval} must rise within 0..1")
        for name in ("projection", "rescale"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"guidance {name} {value} must lie within 0..1")


def guided(
    model: Model,
    condition: Condition,
    null: Condition | None,
    guidance: Guidance,
    objective: Objective = "v",
) -> Denoise:
    """The denoiser that samplers see: null + scale * (condition - null), one doubled batch.

    A negative prompt is its condition in place of `null`.
    """
    if null is None or guidance.scale == 1.0:
        return lambda x, time: model(x, time, condition)
    both = join(condition, null)
    low, high = guidance.interval

    def denoise(x: Tensor, time: Tensor) -> Tensor:
        _, share = alpha_sigma(time, objective)
        inside = (low <= share) & (share <= high)
        count = int(inside.sum())
        if count == 0:
            return model(x, time, condition)
        doubled = model(torch.cat([x, x]), torch.cat([time, time]), both)
        wanted, unwanted = doubled.chunk(2)
        difference = wanted - unwanted
        if guidance.projection:
            clean = clean_from_velocity(x, wanted, time, objective)
            along = guidance.projection * projected(difference, clean)
            mixed = wanted + (guidance.scale - 1) * (difference - along)
        else:
            mixed = unwanted + guidance.scale * difference
        if guidance.rescale:
            mixed = rescaled(mixed, wanted, guidance.rescale)
        return mixed if count == len(x) else torch.where(inside.view(-1, 1, 1), mixed, wanted)

    return denoise


def mixed(model: Model, parts: Sequence[tuple[Condition, float]]) -> Denoise:
    """The sum of what the network says under several conditions, weighted; one batch of them all.

    That is what guidance by several sources, each at a scale of its own, comes to (StemGen, arXiv
    2312.08723, eq. 3; InstructPix2Pix, arXiv 2211.09800, eq. 3). All conditions have, or lack, the
    same of their optional tensors.
    """
    conditions = [condition for condition, _ in parts]
    together = reduce(join, conditions)

    def denoise(x: Tensor, time: Tensor) -> Tensor:
        count = len(parts)
        said = model(torch.cat([x] * count), torch.cat([time] * count), together).chunk(count)
        weighted = [one * weight for one, (_, weight) in zip(said, parts, strict=True)]
        return torch.stack(weighted).sum(dim=0)

    return denoise


def projected(x: Tensor, onto: Tensor) -> Tensor:
    """The part of x (b, d, f) along `onto` (b, d, f), per item over channels and frames, float32.

    A difference of velocities is one of clean estimates times -1 / sigma, at one time: projecting
    the one projects the other.
    """
    direction = F.normalize(onto.float().flatten(1), dim=1).view_as(onto)
    return ((x * direction).sum(dim=(-1, -2), keepdim=True) * direction).to(x.dtype)


def rescaled(mixed: Tensor, wanted: Tensor, share: float) -> Tensor:
    """`mixed` (b, d, f) with the deviation of each frame moved towards that of `wanted`."""
    ratio = wanted.std(dim=1, keepdim=True) / mixed.std(dim=1, keepdim=True).clamp(min=1e-8)
    return mixed * (share * ratio + (1 - share))
