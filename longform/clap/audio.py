"""The audio tower: log-mel spectrogram -> one vector for the shared space, whatever the length."""

import torch
from einops import rearrange
from torch import Tensor, nn

from longform.clap.blocks import AttentionPooling, ConvNeXtBlock, TransformerBlock
from longform.clap.config import AudioConfig
from longform.mel import LogMel


class AudioTower(nn.Module):
    """Bands as channels; ConvNeXt at a quarter of the frame rate, attention at an eighth, pooling.

    No layer knows absolute time (convolutions carry the order), so a moment of a piece means the
    same wherever the window starts.
    """

    def __init__(self, config: AudioConfig, embedding_width: int) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(
            sample_rate=config.sample_rate,
            fft_samples=config.fft_samples,
            hop_samples=config.hop_samples,
            bands=config.bands,
            low_hz=config.low_hz,
            high_hz=config.high_hz,
        )
        self.stem = nn.Conv1d(config.bands, config.width, 8, stride=4, padding=2)
        self.convolutions = nn.ModuleList(
            ConvNeXtBlock(config.width, config.expansion) for _ in range(config.conv_blocks)
        )
        self.halve = nn.Conv1d(config.width, config.width, 2, stride=2)
        self.blocks = nn.ModuleList(
            TransformerBlock(config.width, config.heads, config.expansion)
            for _ in range(config.layers)
        )
        self.pool = AttentionPooling(config.width, config.heads)
        self.project = nn.Linear(config.width, embedding_width)

    def forward(self, log_mel: Tensor) -> Tensor:
        """One window each: (b, bands, window_frames) -> (b, e), not yet normalised."""
        x = rearrange(self.stem(log_mel), "b w f -> b f w")
        for convolution in self.convolutions:
            x = convolution(x)
        x = rearrange(self.halve(rearrange(x, "b f w -> b w f")), "b w f -> b f w")
        for block in self.blocks:
            x = block(x)
        return self.project(self.pool(x))

    def windows(self, log_mel: Tensor) -> Tensor:
        """Cut (b, bands, frames) of any length into (b, k, bands, window_frames).

        What is shorter than a window is repeated until it fills one; what is longer is covered by
        windows side by side, the last one moved back to end with the audio. The mean over the k
        embeddings stands for the whole, where LAION-CLAP fuses a global view with crops.
        """
        size, frames = self.config.window_frames, log_mel.shape[-1]
        assert frames > 0
        if frames < size:
            log_mel = log_mel.repeat(1, 1, -(-size // frames))[..., :size]
        elif frames % size:
            whole = log_mel[..., : frames - frames % size]
            log_mel = torch.cat([whole, log_mel[..., -size:]], dim=-1)
        return rearrange(log_mel, "b m (k f) -> b k m f", f=size)
