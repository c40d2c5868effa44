"""The diffusion transformer: noisy latents, time and condition -> velocity.

Architecture and parameter names are those of the Stable Audio family (arXiv 2404.10301, section
3.2), so a published checkpoint maps onto it name by name; see `longform.dit.keys`.
"""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from longform.dit.blocks import Block, Heard
from longform.dit.condition import Condition
from longform.dit.config import DiTConfig
from longform.dit.features import LogSnr, make_timestep_features
from longform.nn.rope import rotary_angles


def _mlp(inner: int, width: int, out: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inner, width, bias=bias), nn.SiLU(), nn.Linear(width, out, bias=bias)
    )


def _patched(x: Tensor, patch: int) -> Tensor:
    """Join every `patch` frames, (b, f, c) -> (b, f / patch, c * patch), as the reference does."""
    if patch == 1:
        return x
    assert x.shape[1] % patch == 0, f"{x.shape[1]} frames are no multiple of the patch size {patch}"
    return rearrange(x, "b (f p) c -> b f (c p)", p=patch)


class Transformer(nn.Module):
    """Linear in, blocks, linear out; front tokens (memory, prepended) are cut off at the end."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        patch, channels = config.patch_size, config.io_channels + config.concat_channels
        self.project_in = nn.Linear(channels * patch, config.width, bias=False)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.project_out = nn.Linear(config.width, config.io_channels * patch, bias=False)
        if config.memory_tokens:
            self.memory_tokens = nn.Parameter(torch.randn(config.memory_tokens, config.width))
        if config.global_mode == "adaln":
            self.global_cond_embedder = _mlp(config.width, config.width, 6 * config.width, True)
            for parameter in self.global_cond_embedder[2].parameters():
                nn.init.zeros_(parameter)

    def forward(
        self,
        x: Tensor,
        added: Tensor | None,
        prepend: Tensor | None,
        global_: Tensor,
        context: Tensor,
        mask: Tensor | None,
        local: Tensor | None,
    ) -> Tensor:
        """x (b, f, in), added (b, f, width), prepend (b, p, width), global_ (b, width) and
        context, mask, local of `Heard` -> (b, f, out); f counts patches."""
        x = self.project_in(x)
        if added is not None:
            x = x + added
        front, modulation = self._front(prepend, global_)
        x = torch.cat([token.to(x.dtype) for token in front] + [x], dim=1)
        angles = rotary_angles(
            x.shape[1], self.config.rotary_width, self.config.rotary_base, x.device
        )
        heard = Heard(angles, context, mask, modulation, local)
        for layer in self.layers:
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, heard, use_reentrant=False)
            else:
                x = layer(x, heard)
        frames = x[:, sum(token.shape[1] for token in front) :]
        return self.project_out(frames)

    def _front(self, prepend: Tensor | None, global_: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Tokens in front of the frames, memory first, and the modulation of the blocks."""
        front = [] if prepend is None else [prepend]
        if self.config.memory_tokens:
            front.insert(0, self.memory_tokens.expand(len(global_), -1, -1))
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
        width, channels = config.width, config.io_channels + config.concat_channels
        self.time_scale = LogSnr() if config.timestep_log_snr else nn.Identity()
        self.timestep_features = make_timestep_features(
            config.timestep_features, config.timestep_frequencies
        )
        self.to_timestep_embed = _mlp(2 * config.timestep_frequencies, width, width, True)
        self.to_cond_embed = _mlp(
            config.cond_token_width, config.cross_width, config.cross_width, False
        )
        self.to_global_embed = _mlp(config.global_width, width, width, False)
        if config.prepend_width:
            self.to_prepend_embed = _mlp(config.prepend_width, width, width, False)
        self.preprocess_conv = nn.Conv1d(channels, channels, 1, bias=False)
        self.postprocess_conv = nn.Conv1d(config.io_channels, config.io_channels, 1, bias=False)
        if config.guide_channels:
            self.to_guide_embed = nn.Linear(config.guide_channels * config.patch_size, width)
        if config.context_channels:
            self.to_context_embed = nn.Linear(
                config.context_channels * config.patch_size, width, bias=False
            )
            nn.init.zeros_(self.to_context_embed.weight)
        self.transformer = Transformer(config)
        self.register_buffer("latent_mean", torch.zeros(config.io_channels))
        self.register_buffer("latent_scale", torch.ones(config.io_channels))
        nn.init.zeros_(self.preprocess_conv.weight)
        nn.init.zeros_(self.postprocess_conv.weight)

    def forward(self, latents: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Velocity at `time`.

        Args:
            latents: standardised noisy latents, (b, d, f), f any multiple of the patch size
            time: (b,) in [0, 1]: 0 clean, 1 noise
            condition: with a part for every input that the configuration has

        Returns:
            (b, d, f), in the dtype of `latents`
        """
        dtype, patch = self.transformer.project_in.weight.dtype, self.config.patch_size
        x = latents.to(dtype)
        global_ = self.to_timestep_embed(self.timestep_features(self.time_scale(time)).to(dtype))
        global_ = global_ + self.to_global_embed(condition.global_.to(dtype))  # (b, width)
        context = self.to_cond_embed(condition.tokens.to(dtype))  # (b, n, cross_width)
        prepend = local = None
        if self.config.prepend_width:
            assert condition.prepend is not None, "this model reads prepended tokens"
            prepend = self.to_prepend_embed(condition.prepend.to(dtype))
        if self.config.local_channels:
            assert condition.local is not None, "this model reads local features"
            local = _patched(condition.local, patch).to(dtype)
        if self.config.concat_channels:
            assert condition.concat is not None, "this model reads features beside the latents"
            x = torch.cat([x, condition.concat.mT.to(dtype)], dim=1)
        added = self._added(condition, dtype)
        x = x + self.preprocess_conv(x)
        x = _patched(rearrange(x, "b d f -> b f d"), patch)
        x = self.transformer(x, added, prepend, global_, context, condition.token_mask, local)
        x = rearrange(x, "b f (d p) -> b d (f p)", p=patch)
        return (x + self.postprocess_conv(x)).to(latents.dtype)

    def _added(self, condition: Condition, dtype: torch.dtype) -> Tensor | None:
        """What guide and context add to the input tokens, (b, f, width)."""
        added, patch = None, self.config.patch_size
        if self.config.guide_channels:
            assert condition.guide is not None, "this model reads a guide; the condition has none"
            added = self.to_guide_embed(_patched(condition.guide, patch).to(dtype))
        if self.config.context_channels:
            assert condition.context is not None, "this model hears a context; there is none"
            heard = self.to_context_embed(_patched(condition.context, patch).to(dtype))
            added = heard if added is None else added + heard
        return added

    def standardise(self, latents: Tensor) -> Tensor:
        """Latents of the autoencoder (b, d, f) -> latents of the denoiser."""
        return (latents - self.latent_mean[:, None]) * self.latent_scale[:, None]

    def restore(self, latents: Tensor) -> Tensor:
        """Latents of the denoiser (b, d, f) -> latents of the autoencoder."""
        return latents / self.latent_scale[:, None] + self.latent_mean[:, None]
