"""CLAP: one space for audio and text, trained contrastively; the text side conditions the DiT."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from longform.clap.audio import AudioTower
from longform.clap.config import ClapConfig
from longform.clap.text import TextTower

MAX_SCALE = 100.0


class Clap(nn.Module):
    """Both towers and the learned temperature.

    Source: CLAP (Elizalde et al. 2022, 2206.04769; Wu et al. 2022, 2211.06687), used as the text
    encoder as in 2404.10301, section 2.3: its next-to-last hidden layer is what the DiT reads.
    """

    def __init__(self, config: ClapConfig) -> None:
        super().__init__()
        self.config = config
        self.text = TextTower(config.text, config.embedding_width)
        self.audio = AudioTower(config.audio, config.embedding_width)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @property
    def token_width(self) -> int:
        """The width `w` of `text_tokens`."""
        return self.config.text.width

    @property
    def scale(self) -> Tensor:
        """The inverse temperature, at most 100 as in CLIP."""
        return self.log_scale.clamp(max=math.log(MAX_SCALE)).exp()

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids and bool mask (b, n) -> (b, e) of unit norm."""
        return F.normalize(self.text(ids, mask).float(), dim=-1)

    def text_tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids and bool mask (b, n) -> the next-to-last hidden layer (b, n, w), 0 on padding."""
        return self.text.tokens(ids, mask)

    def embed_tokens(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """What `text_tokens` gave, (b, n, w), and the mask -> (b, e) of unit norm."""
        return F.normalize(self.text.pooled(tokens, mask).float(), dim=-1)

    def mel(self, audio: Tensor) -> Tensor:
        """Audio (b, c, t) at the tower's sample rate -> log-mel spectrogram (b, bands, frames)."""
        return self.audio.log_mel(audio)

    def embed_audio(self, log_mel: Tensor) -> Tensor:
        """Log-mel (b, bands, frames) of any length -> (b, e) of unit norm.

        Beyond one window, the mean over the windows' unit vectors, normalised again.
        """
        windows = self.audio.windows(log_mel)
        count = windows.shape[1]
        each = self.audio(rearrange(windows, "b k m f -> (b k) m f")).float()
        each = rearrange(F.normalize(each, dim=-1), "(b k) e -> b k e", k=count)
        return F.normalize(each.mean(dim=1), dim=-1)

    def forward(self, log_mel: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The training pass: audio (b, e), text (b, e), both of unit norm, and the scale."""
        return self.embed_audio(log_mel), self.embed_text(ids, mask), self.scale
