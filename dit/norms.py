"""The normalisations of the family, with the reference's parameter names."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """Layer normalisation with a learned `gamma`; `beta` is a zero that is not trained."""

    beta: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.register_buffer("beta", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.gamma, self.beta, eps=1e-5)


class RMSNorm(nn.Module):
    """x / rms(x) * gamma (arXiv 1910.07467, eq. 4), the mean square taken in float32."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.eps)
        return (wide * scale * self.gamma).to(x.dtype)


class L2Norm(nn.Module):
    """x / |x|: attention scores become cosines (arXiv 2010.04245, eq. 2, without its scale)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1)


def make_norm(kind: Literal["layer", "rms"], width: int) -> nn.Module:
    """The normalisation before a branch."""
    return LayerNorm(width) if kind == "layer" else RMSNorm(width)


def make_head_norm(kind: Literal["layer", "rms", "l2"] | None, width: int) -> nn.Module:
    """The normalisation of queries and keys, per head: none, LayerNorm, RMSNorm (eps 1e-6), L2."""
    if kind == "layer":
        return nn.LayerNorm(width, eps=1e-6)
    if kind == "rms":
        return RMSNorm(width, eps=1e-6)
    return nn.Identity() if kind is None else L2Norm()
