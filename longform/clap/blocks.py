"""What both towers are made of."""

import torch
from einops import rearrange
from torch import Tensor, nn


class TransformerBlock(nn.Module):
    """A pre-norm transformer block: attention, then a GELU MLP, each added to its input."""

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(b, n, w) -> (b, n, w); no position attends where the bool `mask` (b, n) is False."""
        q, k, v = rearrange(
            self.qkv(self.norm_attention(x)),
            "b n (three h k) -> three b h n k",
            three=3,
            h=self.heads,
        )
        attended = _attend(q, k, v, mask)
        x = x + self.out(rearrange(attended, "b h n k -> b n (h k)"))
        return x + self.mlp(self.norm_mlp(x))


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then an MLP per frame (2201.03545, figure 4)."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width)
        )
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """(b, f, w) -> (b, f, w)."""
        y = rearrange(self.depthwise(rearrange(x, "b f w -> b w f")), "b w f -> b f w")
        return x + self.scale * self.mlp(self.norm(y))


class AttentionPooling(nn.Module):
    """A weighted mean over time; each head learns which frames to listen to."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, heads)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, f, w) -> (b, w)."""
        x = self.norm(x)
        weights = self.score(x).float().softmax(dim=1).to(x.dtype)  # (b, f, h)
        values = rearrange(self.value(x), "b f (h k) -> b f h k", h=self.heads)
        return rearrange((weights[..., None] * values).sum(dim=1), "b h k -> b (h k)")


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Attention written out: with sequences this short, its backward pass on a CPU takes a third of
    what the fused one takes."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (b, h, n, n)
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
    return scores.softmax(dim=-1) @ v
