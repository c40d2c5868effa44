"""One transformer block: self-attention, cross-attention, gated MLP, a skip around each."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.dit.attention import CrossAttention, SelfAttention
from longform.dit.config import DiTConfig
from longform.dit.modulation import gate, modulate
from longform.dit.norms import make_norm


class GatedLinear(nn.Module):
    """x W1 * SiLU(x W2), W1 and W2 in one projection (arXiv 2002.05202, eq. 6)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.silu(gate)


class FeedForward(nn.Module):
    """Gated MLP. `ff.ff.0.proj` and `ff.ff.2` are the reference's names."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        out = nn.Linear(inner, width)
        nn.init.zeros_(out.weight)
        nn.init.zeros_(out.bias)
        self.ff = nn.Sequential(GatedLinear(width, inner), nn.Identity(), out)

    def forward(self, x: Tensor) -> Tensor:
        return self.ff(x)


class Block(nn.Module):
    """Pre-norm block; with adaLN the global vector modulates self-attention and MLP."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.pre_norm = make_norm(config.norm, config.width)
        self.self_attn = SelfAttention(config)
        self.cross_attend_norm = make_norm(config.norm, config.width)
        self.cross_attn = CrossAttention(config)
        self.ff_norm = make_norm(config.norm, config.width)
        self.ff = FeedForward(config.width, config.ff_width)
        if config.global_mode == "adaln":
            self.to_scale_shift_gate = nn.Parameter(torch.zeros(6 * config.width))

    def forward(
        self,
        x: Tensor,
        angles: Tensor,
        context: Tensor,
        mask: Tensor | None,
        modulation: Tensor | None,
    ) -> Tensor:
        """x (b, n, width), modulation (b, 6 * width) or None -> (b, n, width)."""
        if modulation is None:
            x = x + self.self_attn(self.pre_norm(x), angles)
            x = x + self.cross_attn(self.cross_attend_norm(x), context, mask)
            return x + self.ff(self.ff_norm(x))
        parts = (self.to_scale_shift_gate + modulation)[:, None].chunk(6, dim=-1)
        scale, shift, gate_self, ff_scale, ff_shift, gate_ff = (part.to(x.dtype) for part in parts)
        x = x + gate(self.self_attn(modulate(self.pre_norm(x), scale, shift), angles), gate_self)
        x = x + self.cross_attn(self.cross_attend_norm(x), context, mask)
        return x + gate(self.ff(modulate(self.ff_norm(x), ff_scale, ff_shift)), gate_ff)
