"""Rotary position embedding (arXiv 2104.09864, eq. 15, 34) on the first channels of each head."""

import torch
from torch import Tensor


def rotary_angles(length: int, width: int, base: float, device: torch.device) -> Tensor:
    """Angles m * base^(-2i / width) of positions m = 0.., (length, width / 2), float32."""
    exponents = torch.arange(0, width, 2, device=device).float() / width
    frequencies = 1.0 / (base**exponents)
    return torch.arange(length, device=device).float()[:, None] * frequencies


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate channel pairs (i, i + half) of the first channels of `x` (..., n, k), in float32.

    `angles` (n, half) covers 2 * half <= k channels; the rest pass unchanged.
    """
    half = angles.shape[-1]
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half].float(), x[..., half : 2 * half].float()
    rotated = [first * cos - second * sin, second * cos + first * sin]
    return torch.cat([part.to(x.dtype) for part in rotated] + [x[..., 2 * half :]], dim=-1)
