"""The text tower: token ids -> hidden states for the DiT, and one vector for the shared space."""

import torch
from torch import Tensor, nn

from longform.clap.blocks import TransformerBlock
from longform.clap.config import TextConfig


class TextTower(nn.Module):
    """A small pre-norm transformer with learned positions and a masked mean at the end.

    The table is narrower than the tower and a linear layer widens it (factorised embedding,
    Lan et al. 2019, 1909.11942, section 3.1): most parameters of a small tower lie in its table.
    """

    def __init__(self, config: TextConfig, embedding_width: int) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.vocabulary, config.table_width)
        self.widen = nn.Linear(config.table_width, config.width)
        self.positions = nn.Parameter(torch.empty(config.max_tokens, config.width))
        self.blocks = nn.ModuleList(
            TransformerBlock(config.width, config.heads, config.expansion)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.project = nn.Linear(config.width, embedding_width)
        nn.init.normal_(self.table.weight)
        nn.init.normal_(self.positions, std=0.1)

    def tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The next-to-last hidden layer (b, n, w): what enters the last block (2404.10301, 2.3).

        `ids` (b, n) long, `mask` (b, n) bool with True on real tokens; padding comes back as zero.
        """
        assert ids.shape == mask.shape and ids.shape[1] <= self.config.max_tokens
        x = self.widen(self.table(ids)) + self.positions[: ids.shape[1]]
        for block in self.blocks[:-1]:
            x = block(x, mask)
        return x * mask[..., None]

    def freeze_tokens(self) -> None:
        """Let nothing that `tokens` depends on learn."""
        self.positions.requires_grad_(False)
        for part in (self.table, self.widen, *self.blocks[:-1]):
            part.requires_grad_(False)

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The last block and the mean over what `tokens` gives: (b, n, w) -> (b, e)."""
        x = self.norm(self.blocks[-1](tokens, mask))
        weights = mask[..., None].to(x.dtype)
        return self.project((x * weights).sum(dim=1) / weights.sum(dim=1))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(b, n) ids and mask -> (b, e), not yet normalised."""
        return self.pooled(self.tokens(ids, mask), mask)
