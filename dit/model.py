"""The diffusion transformer: noisy latents, time and condition -> velocity.

Architecture and parameter names are those of Stable Audio 2.0 (arXiv 2404.10301, section 3.2), so a
published checkpoint maps onto it name by name.
"""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from longform.dit.blocks import Block
from longform.dit.condition import Condition
from longform.dit.config import DiTConfig
from longform.dit.features import TimestepFeatures
from longform.dit.rope import rotary_angles


def _mlp(inner: int, width: int, out: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inner, width, bias=bias), nn.SiLU(), nn.Linear(width, out, bias=bias)
    )


class Transformer(nn.Module):
    """Linear in, blocks, linear out; front tokens (memory, global) are cut off at the end."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        self.project_in = nn.Linear(config.io_channels, config.width, bias=False)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.project_out = nn.Linear(config.width, config.io_channels, bias=False)
        if config.memory_tokens:
            self.memory_tokens = nn.Parameter(torch.randn(config.memory_tokens, config.width))
        if config.global_mode == "adaln":
            self.global_cond_embedder = _mlp(config.width, config.width, 6 * config.width, True)
            for parameter in self.global_cond_embedder[2].parameters():
                nn.init.zeros_(parameter)

    def forward(
        self,
        x: Tensor,
        local: Tensor | None,
        global_: Tensor,
        context: Tensor,
        mask: Tensor | None,
    ) -> Tensor:
        """x (b, f, io_channels), local (b, f, width), global_ (b, width) -> (b, f, io_channels)."""
        x = self.project_in(x)
        if local is not None:
            x = x + local
        front, modulation = self._front(global_)
        x = torch.cat([token.to(x.dtype) for token in front] + [x], dim=1)
        angles = rotary_angles(
            x.shape[1], self.config.rotary_width, self.config.rotary_base, x.device
        )
        for layer in self.layers:
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, angles, context, mask, modulation, use_reentrant=False)
            else:
                x = layer(x, angles, context, mask, modulation)
        frames = x[:, sum(token.shape[1] for token in front) :]
        return self.project_out(frames)

    def _front(self, global_: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Tokens in front of the frames, memory first, and the modulation of the blocks."""
        front = []
        if self.config.memory_tokens:
            front.append(self.memory_tokens.expand(len(global_), -1, -1))
        if self.config.global_mode == "adaln":
            return front, self.global_cond_embedder(global_)
        return [*front, global_[:, None]], None


class DiT(nn.Module):
    """The denoiser; its latents are standardised: (z - latent_mean) * latent_scale, per channel."""

    latent_mean: Tensor
    latent_scale: Tensor

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width, cond = config.width, config.cond_token_width
        self.timestep_features = TimestepFeatures(config.timestep_frequencies)
        self.to_timestep_embed = _mlp(2 * config.timestep_frequencies, width, width, True)
        self.to_cond_embed = _mlp(cond, cond, cond, False)
        self.to_global_embed = _mlp(config.global_width, width, width, False)
        self.preprocess_conv = nn.Conv1d(config.io_channels, config.io_channels, 1, bias=False)
        self.postprocess_conv = nn.Conv1d(config.io_channels, config.io_channels, 1, bias=False)
        if config.guide_channels:
            self.to_guide_embed = nn.Linear(config.guide_channels, width)
        self.transformer = Transformer(config)
        self.register_buffer("latent_mean", torch.zeros(config.io_channels))
        self.register_buffer("latent_scale", torch.ones(config.io_channels))
        nn.init.zeros_(self.preprocess_conv.weight)
        nn.init.zeros_(self.postprocess_conv.weight)

    def forward(self, latents: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Velocity at `time`.

        Args:
            latents: standardised noisy latents, (b, d, f), any f
            time: (b,) in [0, 1]: 0 clean, 1 noise
            condition: its `guide` is read when the configuration has guide channels

        Returns:
            (b, d, f), in the dtype of `latents`
        """
        dtype = self.transformer.project_in.weight.dtype
        x = latents.to(dtype)
        global_ = self.to_timestep_embed(self.timestep_features(time).to(dtype))
        global_ = global_ + self.to_global_embed(condition.global_.to(dtype))  # (b, width)
        context = self.to_cond_embed(condition.tokens.to(dtype))  # (b, n, cond_token_width)
        local = None
        if self.config.guide_channels:
            assert condition.guide is not None, "this model reads a guide; the condition has none"
            local = self.to_guide_embed(condition.guide.to(dtype))  # (b, f, width)
        x = x + self.preprocess_conv(x)
        x = self.transformer(
            rearrange(x, "b d f -> b f d"), local, global_, context, condition.token_mask
        )
        x = rearrange(x, "b f d -> b d f")
        return (x + self.postprocess_conv(x)).to(latents.dtype)

    def standardise(self, latents: Tensor) -> Tensor:
        """Latents of the autoencoder (b, d, f) -> latents of the denoiser."""
        return (latents - self.latent_mean[:, None]) * self.latent_scale[:, None]

    def restore(self, latents: Tensor) -> Tensor:
        """Latents of the denoiser (b, d, f) -> latents of the autoencoder."""
        return latents / self.latent_scale[:, None] + self.latent_mean[:, None]
