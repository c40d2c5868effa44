"""Prompts as the text tower reads them, in one call."""

from collections.abc import Sequence

from torch import Tensor, nn

from longform.clap.model import Clap
from longform.clap.tokenizer import Tokenizer


class ClapReader(nn.Module):
    """The text tower with its tokenizer; called as the encoders of `longform.text` are."""

    def __init__(self, tokenizer: Tokenizer, clap: Clap) -> None:
        super().__init__()
        self.tokenizer, self.clap = tokenizer, clap

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token numbers and their mask, both (b, n), on the device of the tower."""
        device = next(self.clap.parameters()).device
        ids, mask = self.tokenizer(list(prompts))
        return ids.to(device), mask.to(device)

    def forward(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Prompts to tokens (b, n, w) and their mask (b, n)."""
        ids, mask = self.tokenize(prompts)
        return self.clap.text_tokens(ids, mask), mask
