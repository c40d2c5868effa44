"""The transformer of the SAME autoencoder: short-range attention without normalisation layers.

Parameter names are those of the published checkpoints.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from longform.nn.banded import banded_attention
from longform.nn.rope import rotary_angles, rotate

ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class BlockShape:
    """One block: its width, the width of its heads, and two choices."""

    width: int
    head_width: int
    ff_width: int
    differential: bool


class DynamicTanh(nn.Module):
    """gamma * tanh(alpha * x) + beta in place of a normalisation (arXiv 2503.10622, eq. 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), 4.0))
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., width), shape kept."""
        return self.gamma * torch.tanh(self.alpha * x) + self.beta


class SelfAttention(nn.Module):
    """Self-attention with rotary positions, full or in a band.

    Differential: what the second pair of queries and keys attends to is taken away from what the
    first does (arXiv 2410.05258, eq. 1, with lambda = 1).
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        self.heads, self.parts = shape.width // shape.head_width, 5 if shape.differential else 3
        self.to_qkv = nn.Linear(shape.width, self.parts * shape.width, bias=False)
        self.to_out = nn.Linear(shape.width, shape.width, bias=False)
        self.q_norm = DynamicTanh(shape.head_width)
        self.k_norm = DynamicTanh(shape.head_width)
        nn.init.zeros_(self.to_out.weight)

    def forward(self, x: Tensor, band: tuple[int, int] | None) -> Tensor:
        """x (b, n, width); `band` is how many tokens before and after each are seen, None all."""
        parts = rearrange(self.to_qkv(x), "b n (s h k) -> s b h n k", s=self.parts, h=self.heads)
        q, k, v = (torch.cat([parts[i] for i in one]) for one in self._parts())  # first, second
        angles = rotary_angles(x.shape[1], q.shape[-1] // 2, ROTARY_BASE, x.device)
        q, k = rotate(self.q_norm(q), angles), rotate(self.k_norm(k), angles)
        if band is None:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = banded_attention(q, k, v, *band)
        if self.parts == 5:
            first, second = mixed.chunk(2)
            mixed = first - second
        return self.to_out(rearrange(mixed, "b h n k -> b n (h k)"))

    def _parts(self) -> tuple[tuple[int, ...], ...]:
        return ((0, 3), (1, 4), (2, 2)) if self.parts == 5 else ((0,), (1,), (2,))


class GatedLinear(nn.Module):
    """x W1 * f(x W2), W1 and W2 in one projection; f is SiLU or sin(pi x)."""

    def __init__(self, width: int, inner: int, sinusoidal: bool) -> None:
        super().__init__()
        self.sinusoidal = sinusoidal
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to (..., inner)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * (torch.sin(math.pi * gate) if self.sinusoidal else F.silu(gate))


class FeedForward(nn.Module):
    """Gated MLP. `ff.ff.0.proj` and `ff.ff.2` are the reference's names."""

    def __init__(self, shape: BlockShape, sinusoidal: bool) -> None:
        super().__init__()
        out = nn.Linear(shape.ff_width, shape.width)
        nn.init.zeros_(out.weight)
        nn.init.zeros_(out.bias)
        gated = GatedLinear(shape.width, shape.ff_width, sinusoidal)
        self.ff = nn.Sequential(gated, nn.Identity(), out)

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept."""
        return self.ff(x)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, shape: BlockShape, sinusoidal: bool) -> None:
        super().__init__()
        self.pre_norm = DynamicTanh(shape.width)
        self.self_attn = SelfAttention(shape)
        self.ff_norm = DynamicTanh(shape.width)
        self.ff = FeedForward(shape, sinusoidal)

    def forward(self, x: Tensor, band: tuple[int, int] | None = None) -> Tensor:
        """x (b, n, width), shape kept."""
        x = x + self.self_attn(self.pre_norm(x), band)
        return x + self.ff(self.ff_norm(x))
