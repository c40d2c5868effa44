"""The network: text features and the length before, the tokens of the plan after."""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from longform.planner.config import PlannerConfig
from longform.planner.vocabulary import Vocabulary

MAX_LEFT = 128
"""Counts of bars left are told apart up to here."""
SLOTS = 8
"""What a prompt says is summed up in so many vectors."""


@dataclass
class Cache:
    """Keys and values (b, h, n, k) of each block, up to the newest token."""

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def grown(self, block: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a block, the new ones among them."""
        if block == len(self.keys):
            self.keys.append(key)
            self.values.append(value)
        else:
            self.keys[block] = torch.cat([self.keys[block], key], dim=2)
            self.values[block] = torch.cat([self.values[block], value], dim=2)
        return self.keys[block], self.values[block]


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, config: PlannerConfig) -> None:
        super().__init__()
        width, inner = config.width, config.expansion * config.width
        self.heads = config.heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, inner, bias=False), nn.GELU(), nn.Linear(inner, width, bias=False)
        )
        for layer in (self.out, self.mlp[2]):
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * config.depth))

    def forward(self, x: Tensor, hidden: Tensor | None, cache: Cache | None, number: int) -> Tensor:
        """(b, n, w) -> (b, n, w); `hidden` (n, m) is True where a position may not look."""
        q, k, v = rearrange(
            self.qkv(self.norm_attention(x)),
            "b n (three h k) -> three b h n k",
            three=3,
            h=self.heads,
        )
        if cache is not None:
            k, v = cache.grown(number, k, v)
        x = x + self.out(rearrange(attend(q, k, v, hidden), "b h n k -> b n (h k)"))
        return x + self.mlp(self.norm_mlp(x))


class Digest(nn.Module):
    """Learned questions to the text: (b, m, t) features to `SLOTS` vectors (b, s, w)."""

    def __init__(self, config: PlannerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.questions = nn.Parameter(torch.randn(SLOTS, config.width))
        self.norm = nn.LayerNorm(config.text_width)
        self.key_value = nn.Linear(config.text_width, 2 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, text: Tensor, mask: Tensor) -> Tensor:
        """Features (b, m, t) and their mask (b, m) -> (b, s, w)."""
        k, v = rearrange(
            self.key_value(self.norm(text)), "b m (two h k) -> two b h m k", two=2, h=self.heads
        )
        q = rearrange(self.questions, "s (h k) -> h s k", h=self.heads)
        found = attend(q, k, v, ~mask[:, None, None, :])
        return self.out(rearrange(found, "b h s k -> b s (h k)"))


class Planner(nn.Module):
    """A decoder-only transformer that says how likely each token of a plan is.

    What the text tower makes of the prompt and the length stand before the plan as a prefix whose
    parts see each other. With every token it is told how many bars are left, of the piece and of
    the section (`Grammar.countdown`), so that it can write a form that ends where the piece ends.
    """

    def __init__(self, config: PlannerConfig) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = Vocabulary(config.styles, config.qualities)
        width = config.width
        self.text = Digest(config)
        self.seconds = nn.Linear(2, width)
        self.tokens = nn.Embedding(self.vocabulary.size, width)
        self.piece_left = nn.Embedding(MAX_LEFT, width)
        self.section_left = nn.Embedding(MAX_LEFT // 2, width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        for table in (self.tokens, self.piece_left, self.section_left):
            nn.init.normal_(table.weight, std=0.05)

    def forward(
        self, text: Tensor, text_mask: Tensor, seconds: Tensor, tokens: Tensor, left: Tensor
    ) -> Tensor:
        """Logits (b, n, v) of what follows each token.

        Args:
            text: features (b, m, t) of the text tower, with their mask (b, m)
            seconds: length of the piece, (b,)
            tokens: "start" and the plan's tokens, (b, n); padding at the end does no harm
            left: `Grammar.countdown` after each token, (b, n, 2)
        """
        prefix, n = self.prefix(text, text_mask, seconds), tokens.shape[1]
        m = prefix.shape[1]
        x = torch.cat([prefix, self.embedded(tokens, left, 0).to(prefix.dtype)], dim=1)
        hidden = torch.ones(m + n, m + n, dtype=torch.bool, device=x.device).triu(1)
        hidden[:m, :m] = False
        return self.logits(self._through(x, hidden)[:, m:])

    def prefix(self, text: Tensor, mask: Tensor, seconds: Tensor) -> Tensor:
        """What stands before the plan: (b, s + 1, w)."""
        length = torch.stack([seconds.log() / 5, seconds / 285], dim=-1)
        return torch.cat([self.text(text, mask), self.seconds(length)[:, None]], dim=1)

    def embedded(self, tokens: Tensor, left: Tensor, first: int) -> Tensor:
        """Tokens (b, n) from place `first` on and their countdowns (b, n, 2) -> (b, n, w)."""
        piece = self.piece_left(left[..., 0].clamp(max=MAX_LEFT - 1))
        section = self.section_left(left[..., 1].clamp(max=MAX_LEFT // 2 - 1))
        places = waves(first, tokens.shape[1], self.config.width, tokens.device)
        return self.tokens(tokens) + piece + section + places

    def logits(self, x: Tensor) -> Tensor:
        """The last hidden state (b, n, w) -> (b, n, v), through the table of the tokens."""
        return F.linear(self.norm(x), self.tokens.weight)

    @torch.inference_mode()
    def begin(self, text: Tensor, text_mask: Tensor, seconds: float) -> Cache:
        """Read the prefix of one piece, text (1, m, t); `step` goes on from the cache."""
        cache = Cache()
        prefix = self.prefix(text, text_mask, torch.tensor([seconds], dtype=text.dtype))
        self._through(prefix, None, cache)
        return cache

    @torch.inference_mode()
    def step(self, token: int, left: tuple[int, int], place: int, cache: Cache) -> Tensor:
        """Logits (v,) of what follows the token at a place of the plan ("start" is at 0)."""
        x = self.embedded(torch.tensor([[token]]), torch.tensor([[left]]), place)
        return self.logits(self._through(x, None, cache))[0, 0]

    def _through(self, x: Tensor, hidden: Tensor | None, cache: Cache | None = None) -> Tensor:
        for number, block in enumerate(self.blocks):
            x = block(x, hidden, cache, number)
        return x


def attend(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None) -> Tensor:
    """Attention written out: with sequences this short, the backward pass of the fused one takes
    ten times as long on a CPU. `hidden` is True where a query may not look."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (b, h, n, m)
    if hidden is not None:
        scores = scores.masked_fill(hidden, float("-inf"))
    return scores.softmax(dim=-1).to(v.dtype) @ v


def waves(first: int, count: int, width: int, device: torch.device) -> Tensor:
    """Places as sines and cosines (arXiv 1706.03762, section 3.5), (count, width), rms 0.07."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, device=device) / width)
    angles = torch.arange(first, first + count, device=device)[:, None] * rates
    return 0.1 * torch.cat([angles.sin(), angles.cos()], dim=-1)
