"""SAME, the transformer autoencoder of Stable Audio 3 (arXiv 2605.18613).

Patches of samples are resampled by transformers: an encoder stage adds an empty token to every
`stride` frames, lets all tokens attend to their neighbours, and keeps what the empty ones have
become; a decoder stage adds `stride` empty tokens to every frame and keeps those. Names and shapes
of all parameters are those of the published checkpoints.
"""

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from longform.autoencoder.bottleneck import Posterior
from longform.autoencoder.config import SameConfig
from longform.autoencoder.interface import pad_to_hop
from longform.autoencoder.oobleck import Conv
from longform.autoencoder.same_blocks import Block, BlockShape


class Same(nn.Module):
    """Waveform autoencoder; follows `longform.autoencoder.interface.Autoencoder`.

    The latent of a piece of audio is one point: its posterior has the config's `latent_noise` as
    deviation everywhere. Chunks are counted from the start of the audio, and an unfinished last
    one is filled with zeros; so windows begin at multiples of `align_frames`.
    """

    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate = config.sample_rate
        self.channels = config.audio_channels
        self.hop_samples = config.hop_samples
        self.latent_channels = config.latent_channels
        self.encoder = SameEncoder(config)
        self.bottleneck = SoftNorm(config.latent_channels)
        self.decoder = SameDecoder(config)
        self.encode_margin_frames = encode_margin_frames(config)
        self.decode_margin_frames = decode_margin_frames(config)
        self.align_frames = align_frames(config)

    @property
    def latent_rate_hz(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop_samples

    def encode(self, audio: Tensor) -> Posterior:
        """Audio (b, c, t), zero-padded to whole hops, to a posterior over latents (b, d, f)."""
        audio = pad_to_hop(audio, self.hop_samples)
        patches = rearrange(audio, "b c (n p) -> b (c p) n", p=self.config.patch_samples)
        mean = self.bottleneck.encode(self.encoder(patches))
        mean = mean[..., : audio.shape[-1] // self.hop_samples]
        return Posterior(mean=mean, std=torch.full_like(mean, self.config.latent_noise))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (b, d, f) to audio (b, c, f * hop_samples); adds no noise of its own."""
        patches = self.decoder(self.bottleneck.decode(latents))
        audio = rearrange(patches, "b (c p) n -> b c (n p)", p=self.config.patch_samples)
        return audio[..., : latents.shape[-1] * self.hop_samples]

    def forward(self, audio: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Posterior]:
        """Audio (b, c, t) to its reconstruction from a sampled latent, and the posterior."""
        posterior = self.encode(audio)
        return self.decode(posterior.sample(noise)), posterior


class SoftNorm(nn.Module):
    """Learned scale and shift per channel, then one deviation for all; only that is undone."""

    running_std: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scaling_factor = nn.Parameter(torch.ones(1, width, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1))
        self.register_buffer("running_std", torch.ones(1))

    def encode(self, x: Tensor) -> Tensor:
        """(b, d, f), shape kept."""
        return (x * self.scaling_factor + self.bias) / self.running_std

    def decode(self, x: Tensor) -> Tensor:
        """(b, d, f), shape kept; the decoder has learned the scale and shift."""
        return x * self.running_std


class SameEncoder(nn.Module):
    """Patches (b, c * p, n) to frames (b, d, f), f rounded up to whole chunks."""

    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        widths = _widths(config)
        stages = len(config.strides)
        layers: dict[str, nn.Module] = {
            str(i): EncoderStage(config, i, widths[i], widths[i + 1]) for i in range(stages)
        }
        layers[str(stages + 1)] = nn.Linear(widths[-1], config.latent_channels)
        self.layers = nn.ModuleDict(layers)  # by the reference's numbers; it also counts transposes

    def forward(self, x: Tensor) -> Tensor:
        """Stage after stage, then the projection to the latent width."""
        *stages, project = self.layers.values()
        for stage in stages:
            x = stage(x)
        return project(x.transpose(1, 2)).transpose(1, 2)


class SameDecoder(nn.Module):
    """Frames (b, d, f) to patches (b, c * p, n), n rounded up to whole chunks."""

    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        widths = _widths(config)
        layers: dict[str, nn.Module] = {"1": nn.Linear(config.latent_channels, widths[-1])}
        for position, i in enumerate(reversed(range(len(config.strides)))):
            layers[str(position + 3)] = DecoderStage(config, i, widths[i + 1], widths[i])
        self.layers = nn.ModuleDict(layers)

    def forward(self, x: Tensor) -> Tensor:
        """The projection from the latent width, then stage after stage."""
        project, *stages = self.layers.values()
        x = project(x.transpose(1, 2)).transpose(1, 2)
        for stage in stages:
            x = stage(x)
        return x


class Stage(nn.Module):
    """Blocks over groups of one frame at the slow rate and `stride` at the fast one."""

    def __init__(self, config: SameConfig, stage: int, width: int, depth: int, sinusoidal: int):
        super().__init__()
        self.stride = config.strides[stage]
        self.group = self.stride + 1
        self.window, self.chunk_shift = config.window, config.chunk_shift
        self.groups_per_chunk = 1 if config.window else config.chunk_frames // self.stride
        shape = BlockShape(
            width=width,
            head_width=min(config.head_width, width),
            ff_width=width * config.ff_multiplier,
            differential=config.differential,
        )
        self.transformers = nn.ModuleList(
            Block(shape, sinusoidal=depth - i < sinusoidal) for i in range(depth)
        )
        self.new_tokens = nn.Parameter(1e-5 * torch.randn(1, 1, width))

    def attend(self, groups: Tensor) -> Tensor:
        """Run the blocks over groups (b, f, stride + 1, width); shape kept."""
        frames = groups.shape[1]
        x = groups.flatten(1, 2)
        if self.window is not None:
            band = (self.window[0] * self.group, self.window[1] * self.group)
            for block in self.transformers:
                x = block(x, band)
            return x.unflatten(1, (frames, self.group))
        half = len(self.transformers) // 2 if self.chunk_shift else len(self.transformers)
        x = self._in_chunks(x, self.transformers[:half])
        if self.chunk_shift:
            shift = self.groups_per_chunk * self.group // 2
            x = torch.cat([x[:, :shift], x, x[:, -shift:]], dim=1)
            x = self._in_chunks(x, self.transformers[half:])[:, shift:-shift]
        return x.unflatten(1, (frames, self.group))

    def _in_chunks(self, x: Tensor, blocks: nn.ModuleList) -> Tensor:
        batch = len(x)
        x = rearrange(x, "b (m n) w -> (b m) n w", n=self.groups_per_chunk * self.group)
        for block in blocks:
            x = block(x)
        return rearrange(x, "(b m) n w -> b (m n) w", b=batch)


class EncoderStage(Stage):
    """(b, inputs, n) to (b, outputs, n / stride)."""

    def __init__(self, config: SameConfig, stage: int, inputs: int, outputs: int) -> None:
        super().__init__(config, stage, outputs, config.encoder_depths[stage], sinusoidal=0)
        self.mapping = _mapping(inputs, outputs, config.encoder_kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the token that was added to each group."""
        x = self.mapping(pad_to_hop(x, self.stride * self.groups_per_chunk))
        groups = rearrange(x, "b w (f s) -> b f s w", s=self.stride)
        new = self.new_tokens.expand(*groups.shape[:2], 1, -1)
        return self.attend(torch.cat([groups, new], dim=2))[:, :, -1].transpose(1, 2)


class DecoderStage(Stage):
    """(b, inputs, f) to (b, outputs, f * stride)."""

    def __init__(self, config: SameConfig, stage: int, inputs: int, outputs: int) -> None:
        depth, sinusoidal = config.decoder_depths[stage], config.decoder_sinusoidal[stage]
        super().__init__(config, stage, inputs, depth, sinusoidal)
        self.mapping = _mapping(inputs, outputs, config.decoder_kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the tokens that were added to each group."""
        frames = pad_to_hop(x, self.groups_per_chunk).transpose(1, 2)[:, :, None]
        new = self.new_tokens.expand(*frames.shape[:2], self.stride, -1)
        tokens = self.attend(torch.cat([frames, new], dim=2))[:, :, 1:]
        return self.mapping(rearrange(tokens, "b f s w -> b w (f s)"))


def encode_margin_frames(config: SameConfig) -> int:
    """Latent frames on either side of a frame that its encoding depends on."""
    low = high = 0
    for i in reversed(range(len(config.strides))):
        reach = _reach_groups(config, i, config.encoder_depths[i])
        stride, padding = config.strides[i], config.encoder_kernel // 2
        low = (low - reach) * stride - padding
        high = (high + reach) * stride + stride - 1 + padding
    hop = math.prod(config.strides)
    return -(-max(-low, high - (hop - 1)) // hop)


def decode_margin_frames(config: SameConfig) -> int:
    """Latent frames on either side of a hop that its samples depend on."""
    low, high = 0, math.prod(config.strides) - 1
    for i, stride in enumerate(config.strides):
        reach = _reach_groups(config, i, config.decoder_depths[i])
        padding = config.decoder_kernel // 2
        low, high = (low - padding) // stride - reach, (high + padding) // stride + reach
    return max(-low, high)


def align_frames(config: SameConfig) -> int:
    """Latent frames after which the chunks of all stages begin together."""
    if config.window is not None:
        return 1
    chunk = config.chunk_frames
    rates = (math.prod(config.strides[i:]) for i in range(len(config.strides)))
    return math.lcm(*(chunk // math.gcd(chunk, rate) for rate in rates))


def _reach_groups(config: SameConfig, stage: int, depth: int) -> int:
    """Groups on either side of a group that a stage's blocks look at."""
    if config.window is not None:
        return depth * max(config.window)
    others = config.chunk_frames // config.strides[stage] - 1
    return 2 * others if config.chunk_shift else others


def _widths(config: SameConfig) -> list[int]:
    patch = config.audio_channels * config.patch_samples
    return [patch, *(config.channels * multiplier for multiplier in config.multipliers)]


def _mapping(inputs: int, outputs: int, kernel: int) -> nn.Module:
    if inputs == outputs:
        return nn.Identity()
    return Conv(inputs, outputs, kernel, padding=kernel // 2)
