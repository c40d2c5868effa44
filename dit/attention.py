"""Block-wise attention through one function, and the two attention layers of a block."""

from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from longform.dit.config import DiTConfig
from longform.dit.norms import make_head_norm
from longform.errors import UserError
from longform.nn.rope import rotate

Implementation = Literal["sdpa", "flash"]

PLAIN_SCORES = 512 * 512
"""Scores per head up to which plain products train faster on a CPU than the block-wise kernel.

Measured, bfloat16, forward and backward of 96 heads: 256 x 256 scores 149 -> 67 ms, 256 x 70 scores
99 -> 26 ms; at 3072 x 3072 both take the same time and the block-wise kernel saves the memory.
"""


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    implementation: Implementation = "sdpa",
) -> Tensor:
    """softmax(q k^T / sqrt(width)) v, one function for every attention.

    "sdpa" is torch's own kernel choice (block-wise on CPU and CUDA), except that short sequences in
    training on a CPU take plain products; "flash" is the flash-attn package (arXiv 2307.08691),
    which knows no key mask: masked calls stay with "sdpa".

    Args:
        q: (b, h, n, width); k, v: (b, h, m, width)
        mask: (b, m), True where the key may be seen

    Raises:
        UserError: "flash" was chosen and the package or half precision on CUDA is missing.
    """
    if implementation == "flash" and mask is None:
        return _flash(q, k, v)
    seen = None if mask is None else mask[:, None, None, :]
    training = torch.is_grad_enabled() and q.requires_grad
    if training and q.device.type == "cpu" and q.shape[-2] * k.shape[-2] <= PLAIN_SCORES:
        return _plain(q, k, v, seen)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def _plain(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None) -> Tensor:
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if seen is not None:
        scores = scores.masked_fill(~seen, float("-inf"))
    return torch.softmax(scores, dim=-1).to(v.dtype) @ v


def _flash(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    try:
        # A bare `import flash_attn` can be an empty package.
        from flash_attn import flash_attn_func  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "attention 'flash' needs the flash-attn package: pip install 'longform[flash]', "
            "or choose attention 'sdpa'"
        ) from None
    if q.device.type != "cuda" or q.dtype not in (torch.float16, torch.bfloat16):
        raise UserError(
            f"attention 'flash' needs 16-bit numbers on CUDA, not {q.dtype} on {q.device.type}; "
            "choose attention 'sdpa'"
        )
    q, k, v = (rearrange(x, "b h n k -> b n h k") for x in (q, k, v))
    return rearrange(flash_attn_func(q, k, v), "b n h k -> b h n k")


class SelfAttention(nn.Module):
    """Multi-head self-attention over the frames, rotary positions, optional query-key norm.

    Differential attention subtracts a second map with queries and keys of its own, over the same
    values: attend(q, k, v) - attend(q2, k2, v). Unlike arXiv 2410.05258, eq. 1, it has no lambda.
    """

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.parts = 5 if config.differential else 3  # q | k | v | q2 | k2
        self.implementation: Implementation = config.attention
        self.to_qkv = nn.Linear(config.width, self.parts * config.width, bias=False)
        self.to_out = nn.Linear(config.width, config.width, bias=False)
        self.q_norm = make_head_norm(config.qk_norm, config.head_width)
        self.k_norm = make_head_norm(config.qk_norm, config.head_width)
        nn.init.zeros_(self.to_out.weight)

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        """x (b, n, width), angles (n, rotary_width / 2) -> (b, n, width)."""
        q, k, v, *second = rearrange(
            self.to_qkv(x), "b n (s h k) -> s b h n k", s=self.parts, h=self.heads
        )
        mixed = self._attend(q, k, v, angles)
        if second:
            q2, k2 = second
            mixed = mixed - self._attend(q2, k2, v, angles)
        return self.to_out(rearrange(mixed, "b h n k -> b n (h k)"))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, angles: Tensor) -> Tensor:
        q = rotate(self.q_norm(q), angles)
        k = rotate(self.k_norm(k), angles)
        return attention(q, k, v, implementation=self.implementation)


class CrossAttention(nn.Module):
    """Frames look at the condition tokens; each key-value head serves a group of query heads."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.kv_heads = config.kv_heads
        self.maps = 2 if config.differential else 1  # q | q2 and k | k2 | v
        kv_width = config.kv_heads * config.head_width
        self.to_q = nn.Linear(config.width, self.maps * config.width, bias=False)
        self.to_kv = nn.Linear(config.cross_width, (self.maps + 1) * kv_width, bias=False)
        self.to_out = nn.Linear(config.width, config.width, bias=False)
        self.q_norm = make_head_norm(config.qk_norm, config.head_width)
        self.k_norm = make_head_norm(config.qk_norm, config.head_width)
        nn.init.zeros_(self.to_out.weight)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """x (b, n, width), context (b, m, cross_width), mask (b, m) -> (b, n, width)."""
        queries = rearrange(self.to_q(x), "b n (s h k) -> s b h n k", s=self.maps, h=self.heads)
        *keys, v = rearrange(
            self.to_kv(context), "b m (s h k) -> s b h m k", s=self.maps + 1, h=self.kv_heads
        )
        v = v.repeat_interleave(self.heads // self.kv_heads, dim=1)
        mixed = self._attend(queries[0], keys[0], v, mask)
        if self.maps == 2:
            mixed = mixed - self._attend(queries[1], keys[1], v, mask)
        return self.to_out(rearrange(mixed, "b h n k -> b n (h k)"))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        k = self.k_norm(k).repeat_interleave(self.heads // self.kv_heads, dim=1)
        return attention(self.q_norm(q), k, v, mask)
