"""Denoising what is longer than one window: overlapping windows that agree at every step.

The velocities of all windows are averaged where they overlap, with weights that fade towards each
window's ends (MultiDiffusion, Bar-Tal et al. 2023, arXiv 2302.08113, eq. 5), so that there is one
latent sequence and no seam. Memory is that of one window and of the sequence itself.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from longform.dit.guidance import Denoise

WINDOW_FRAMES = 1024
OVERLAP = 4
"""Windows overlap by one part in this many of theirs."""


def windows(frames: int, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Start and stop of windows that cover `frames`, evenly spread, overlapping by `overlap`."""
    count = 1 if frames <= size else 1 + -(-(frames - size) // (size - overlap))
    for index in range(count):
        start = 0 if count == 1 else round(index * (frames - size) / (count - 1))
        yield start, min(start + size, frames)


def joint_denoiser(
    frames: int,
    window: Callable[[int, int], Denoise],
    size: int = WINDOW_FRAMES,
    overlap: int | None = None,
) -> Denoise:
    """One denoiser for (b, d, frames) out of `window(start, stop)` for each window of it."""
    overlap = size // OVERLAP if overlap is None else overlap
    spans = list(windows(frames, size, overlap))
    parts = [window(start, stop) for start, stop in spans]
    if len(parts) == 1:
        return parts[0]
    weights = [_weight(stop - start, overlap) for start, stop in spans]

    def denoise(x: Tensor, time: Tensor) -> Tensor:
        total, weight_sum = torch.zeros_like(x), x.new_zeros(frames)
        for (start, stop), part, weight in zip(spans, parts, weights, strict=True):
            weight = weight.to(x)
            total[..., start:stop] += weight * part(x[..., start:stop], time)
            weight_sum[start:stop] += weight
        return total / weight_sum

    return denoise


def _weight(size: int, overlap: int) -> Tensor:
    """1 in the middle, falling linearly to nearly 0 over `overlap` frames at both ends."""
    distance = torch.minimum(torch.arange(size), torch.arange(size).flip(0)) + 1.0
    return (distance / (overlap + 1)).clamp(max=1.0)
