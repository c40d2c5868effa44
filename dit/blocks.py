"""One transformer block: self-attention, cross-attention, MLP, a skip around each."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.dit.attention import CrossAttention, SelfAttention
from longform.dit.config import DiTConfig
from longform.dit.modulation import gate, modulate
from longform.dit.norms import make_norm


@dataclass(frozen=True)
class Heard:
    """What every block is told.

    Attributes:
        angles: rotary positions, (n, rotary_width / 2)
        context: condition tokens, (b, m, cross_width)
        mask: (b, m), True where a token counts; None when all do
        modulation: of the global vector, (b, 6 * width); None without adaLN
        local: features of the frames, which are the last tokens, (b, f, local channels), or None
    """

    angles: Tensor
    context: Tensor
    mask: Tensor | None
    modulation: Tensor | None
    local: Tensor | None


class GatedLinear(nn.Module):
    """x W1 * SiLU(x W2), W1 and W2 in one projection (arXiv 2002.05202, eq. 6)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.silu(gate)


class FeedForward(nn.Module):
    """MLP, gated or plain. `ff.ff.0.proj` (`ff.ff.0.1` if plain) and `ff.ff.2` are the reference's
    names."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width, inner, bias = config.width, config.ff_width, config.ff_out_bias
        if config.ff_gated:
            first: nn.Module = GatedLinear(width, inner)
        else:
            first = nn.Sequential(nn.Identity(), nn.Linear(width, inner, bias=bias), nn.SiLU())
        out = nn.Linear(inner, width, bias=bias)
        for parameter in out.parameters():
            nn.init.zeros_(parameter)
        self.ff = nn.Sequential(first, nn.Identity(), out)

    def forward(self, x: Tensor) -> Tensor:
        return self.ff(x)


class LocalEmbed(nn.Sequential):
    """Features of the frames, projected per block; silent at the start of training."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, width))
        for parameter in self[2].parameters():
            nn.init.zeros_(parameter)


class Block(nn.Module):
    """Pre-norm block; with adaLN the global vector modulates self-attention and MLP."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.pre_norm = make_norm(config.norm, config.width)
        self.self_attn = SelfAttention(config)
        self.cross_attend_norm = make_norm(config.norm, config.width)
        self.cross_attn = CrossAttention(config)
        self.ff_norm = make_norm(config.norm, config.width)
        self.ff = FeedForward(config)
        if config.global_mode == "adaln":
            self.to_scale_shift_gate = nn.Parameter(torch.zeros(6 * config.width))
        if config.local_channels:
            self.to_local_embed = LocalEmbed(
                config.local_channels * config.patch_size, config.width
            )

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        """x (b, n, width) -> (b, n, width)."""
        scale, shift, gate_self, ff_scale, ff_shift, gate_ff = self._modulation(heard, x.dtype)
        h = modulate(self.pre_norm(x), scale, shift)
        x = x + gate(self.self_attn(h, heard.angles), gate_self)
        x = x + self.cross_attn(self.cross_attend_norm(x), heard.context, heard.mask)
        if heard.local is not None:
            local = self.to_local_embed(heard.local)
            x = x + F.pad(local, (0, 0, x.shape[1] - local.shape[1], 0))
        return x + gate(self.ff(modulate(self.ff_norm(x), ff_scale, ff_shift)), gate_ff)

    def _modulation(self, heard: Heard, dtype: torch.dtype) -> tuple[Tensor | None, ...]:
        """Scale, shift and gate of self-attention and of the MLP, each (b, 1, width) or None."""
        if heard.modulation is None:
            return (None,) * 6
        parts = (self.to_scale_shift_gate + heard.modulation)[:, None].chunk(6, dim=-1)
        return tuple(part.to(dtype) for part in parts)
