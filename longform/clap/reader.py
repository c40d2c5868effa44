"""Prompts as the text tower reads them, and recordings as the audio tower hears them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from longform.clap.model import Clap
from longform.clap.tokenizer import Tokenizer
from longform.waveform import Waveform


class ClapReader(nn.Module):
    """Both towers with the tokenizer; called as the encoders of `longform.text` are."""

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

    @torch.no_grad()
    def hear(self, waveform: Waveform) -> Tensor:
        """A recording of any rate and length as one vector of the shared space, (e,), unit norm."""
        device = next(self.clap.parameters()).device
        at_rate = waveform.resampled(self.clap.config.audio.sample_rate)
        samples = torch.from_numpy(at_rate.samples)[None].to(device)
        return self.clap.embed_audio(self.clap.mel(samples))[0]

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> Tensor:
        """Prompts as vectors of the shared space, (b, e), of unit norm."""
        return self.clap.embed_text(*self.tokenize(prompts))
