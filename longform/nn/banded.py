"""Attention in a band around the diagonal, in memory that grows with the length alone."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

LEAST_BLOCK = 64  # queries computed together


def banded_attention(q: Tensor, k: Tensor, v: Tensor, left: int, right: int) -> Tensor:
    """softmax(q k^T / sqrt(width)) v, where query i sees keys i - left .. i + right.

    Args:
        q, k, v: (b, h, n, width)

    Returns:
        (b, h, n, width)
    """
    batch, _, length, _ = q.shape
    reach = left + right
    block = min(max(LEAST_BLOCK, reach), length)
    blocks = -(-length // block)
    missing = blocks * block - length
    q = rearrange(F.pad(q, (0, 0, 0, missing)), "b h (m i) w -> (b m) h i w", i=block)
    k, v = (
        rearrange(
            F.pad(x, (0, 0, left, right + missing)).unfold(2, block + reach, block),
            "b h m w j -> (b m) h j w",
        )
        for x in (k, v)
    )
    seen = _seen(length, block, blocks, left, reach, q.device)
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen.repeat(batch, 1, 1)[:, None])
    return rearrange(mixed, "(b m) h i w -> b h (m i) w", m=blocks)[:, :, :length]


def _seen(
    length: int, block: int, blocks: int, left: int, reach: int, device: torch.device
) -> Tensor:
    """Which key j of its block's keys a query i sees, (blocks, i, j).

    Queries beyond the length see what pads the keys: a row of nothing would have no softmax.
    """
    offset = torch.arange(blocks, device=device)[:, None, None] * block
    i = torch.arange(block, device=device)[:, None]
    j = torch.arange(block + reach, device=device)
    key = offset + j - left
    inside = ((key >= 0) & (key < length)) | (offset + i >= length)
    return inside & (j >= i) & (j <= i + reach)
