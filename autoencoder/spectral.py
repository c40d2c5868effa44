"""The spectral autoencoder of `mini`: log-magnitudes in, a slow latent, an inverse STFT out.

The latent keeps what a listener hears (magnitudes: finely spaced bands for pitch, quickly spaced
ones for rhythm) and drops the phase, which a denoiser would otherwise have to model; the decoder
makes a phase of its own. Fixed transforms stand at both ends, linear paths start from the principal
components of real audio and stay there, and ConvNeXt blocks (Liu et al. 2022, arXiv 2201.03545)
learn what they miss at the slow rate.
"""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from longform.autoencoder.bottleneck import Posterior
from longform.autoencoder.features import BandSpec, LogBands
from longform.autoencoder.head import BINS, HEAD_HOP, HEAD_WINDOW, Drawn, SpectralHead
from longform.autoencoder.interface import pad_to_hop
from longform.autoencoder.tones import PERIOD_FRAMES, QUIETEST


@dataclass(frozen=True, kw_only=True)
class SpectralConfig:
    """Sizes of the spectral autoencoder; `decoder_rates` are frames per latent of each stage.

    `tones` is the number of pitches of the tone bank, from A0 upwards in semitones; 0 is none.
    With `noise`, the decoder says of every bin how far its phase is chance.
    """

    sample_rate: int = 44100
    channels: int = 2
    hop_samples: int = 4096
    latent_channels: int = 128
    encoder_width: int = 384
    encoder_depth: int = 3
    decoder_widths: tuple[int, ...] = (512, 384, 384)
    decoder_depths: tuple[int, ...] = (4, 4, 4)
    decoder_rates: tuple[int, ...] = (1, 4, 8)
    expansion: int = 3
    kernel: int = 7
    tones: int = 0
    noise: bool = False


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then an MLP over channels; shape (b, f, w) kept."""

    def __init__(self, width: int, kernel: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.down(functional.gelu(self.up(self.norm(mixed))))


def _stack(width: int, depth: int, config: SpectralConfig) -> nn.Sequential:
    return nn.Sequential(
        *(ConvNeXtBlock(width, config.kernel, config.expansion) for _ in range(depth))
    )


class SpectralEncoder(nn.Module):
    """Band features (b, f, n) -> mean and log-deviation, each (b, f, d)."""

    feature_mean: Tensor

    def __init__(self, config: SpectralConfig, features: int) -> None:
        super().__init__()
        d, width = config.latent_channels, config.encoder_width
        self.register_buffer("feature_mean", torch.zeros(features))
        self.linear = nn.Linear(features, d, bias=False).requires_grad_(False)
        self.project_in = nn.Linear(features, width)
        self.blocks = _stack(width, config.encoder_depth, config)
        self.project_out = nn.Linear(width, 2 * d)
        nn.init.zeros_(self.project_out.weight)
        nn.init.zeros_(self.project_out.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        centred = features - self.feature_mean
        correction, log_deviation = self.project_out(self.blocks(self.project_in(centred))).chunk(
            2, dim=-1
        )
        return self.linear(centred).float() + correction.float(), log_deviation.float()


class SpectralDecoder(nn.Module):
    """Latents (b, f, d) -> what the head sounds."""

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        self.channels, self.rates = config.channels, config.decoder_rates
        self.tones, self.has_noise = config.tones, config.noise
        self.linear = nn.Linear(
            config.latent_channels, self.rates[-1] * config.channels * BINS
        ).requires_grad_(False)
        self.stem = nn.Linear(config.latent_channels, config.decoder_widths[0])
        self.stages = nn.ModuleList(
            _stack(width, depth, config)
            for width, depth in zip(config.decoder_widths, config.decoder_depths, strict=True)
        )
        self.raises = nn.ModuleList()
        for i in range(1, len(self.rates)):
            factor = self.rates[i] // self.rates[i - 1]
            self.raises.append(
                nn.Linear(config.decoder_widths[i - 1], factor * config.decoder_widths[i])
            )
        width = config.decoder_widths[-1]
        self.norm = nn.LayerNorm(width)
        self.magnitude = nn.Linear(width, config.channels * BINS)
        self.phase = nn.Linear(width, 2 * config.channels * BINS)
        nn.init.zeros_(self.magnitude.weight)
        nn.init.zeros_(self.magnitude.bias)
        if config.tones:
            tones = config.channels * config.tones
            self.tone_linear = nn.Linear(config.latent_channels, self.rates[-1] * tones)
            self.tone_linear.requires_grad_(False)
            self.tone = nn.Linear(width, tones)
            nn.init.zeros_(self.tone_linear.weight)
            nn.init.constant_(self.tone_linear.bias, QUIETEST)
            nn.init.zeros_(self.tone.weight)
            nn.init.zeros_(self.tone.bias)
        if config.noise:
            self.noise = nn.Linear(width, config.channels * BINS)
            nn.init.zeros_(self.noise.weight)
            nn.init.zeros_(self.noise.bias)

    def forward(self, latents: Tensor) -> Drawn:
        """What the head sounds for latents (b, f, d)."""
        x = self.stages[0](self.stem(latents))
        for i, lift in enumerate(self.raises):
            factor = self.rates[i + 1] // self.rates[i]
            x = self.stages[i + 1](rearrange(lift(x), "b f (r w) -> b (f r) w", r=factor))
        x = self.norm(x)
        log_magnitude = self._sum(self.linear(latents), self.magnitude(x))
        phase = rearrange(self.phase(x).float(), "b f (p c n) -> p b c f n", p=2, c=self.channels)
        return Drawn(
            log_magnitude=log_magnitude,
            phase=phase,
            tones=self._sum(self.tone_linear(latents), self.tone(x)) if self.tones else None,
            noise=self._frames(self.noise(x)) if self.has_noise else None,
        )

    def _frames(self, x: Tensor) -> Tensor:
        """(b, f, c*n) -> (b, c, f, n) float32."""
        return rearrange(x.float(), "b f (c n) -> b c f n", c=self.channels)

    def _sum(self, base: Tensor, correction: Tensor) -> Tensor:
        """Linear path (b, f, r*c*n) plus correction (b, f*r, c*n) -> (b, c, f*r, n)."""
        base = rearrange(base, "b f (r n) -> b (f r) n", r=self.rates[-1])
        return self._frames(base.float() + correction.float())


class Spectral(nn.Module):
    """The whole autoencoder; see `longform.autoencoder.interface.Autoencoder` for the contract."""

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        assert config.hop_samples == config.decoder_rates[-1] * HEAD_HOP
        self.config = config
        self.sample_rate, self.channels = config.sample_rate, config.channels
        self.hop_samples, self.latent_channels = config.hop_samples, config.latent_channels
        self.align_frames = PERIOD_FRAMES if config.tones or config.noise else 1
        self.features = LogBands(PITCH_BANDS, RHYTHM_BANDS, config.sample_rate, config.hop_samples)
        self.encoder = SpectralEncoder(config, self.features.width(config.channels))
        self.decoder = SpectralDecoder(config)
        self.head = SpectralHead(
            config.sample_rate, config.hop_samples, tones=config.tones, noise=config.noise
        )

    @property
    def latent_rate_hz(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop_samples

    @property
    def encode_margin_frames(self) -> int:
        """Latents on either side that one latent's encoding depends on."""
        return self.features.margin_frames + self.config.encoder_depth * (self.config.kernel // 2)

    @property
    def decode_margin_frames(self) -> int:
        """Latents on either side that a decoded latent's samples depend on."""
        reach = self.config.kernel // 2
        margin = sum(
            depth * reach / rate
            for depth, rate in zip(
                self.config.decoder_depths, self.config.decoder_rates, strict=True
            )
        )
        overlap = HEAD_WINDOW // 2 / self.hop_samples
        return math.ceil(margin + overlap) + 1

    def encode(self, audio: Tensor) -> Posterior:
        """Audio (b, c, t) -> posterior over latents (b, d, f), f = ceil(t / hop)."""
        with torch.no_grad():
            features = self.features(pad_to_hop(audio, self.hop_samples))
        mean, log_deviation = self.encoder(features)
        std = torch.exp(log_deviation.clamp(-8.0, 2.0) - 3.0)
        return Posterior(mean.transpose(1, 2), std.transpose(1, 2))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (b, d, f) -> audio (b, c, f * hop)."""
        return self.head(self.decoder(latents.transpose(1, 2)))

    def forward(self, audio: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Posterior]:
        """Audio (b, c, t) -> reconstruction from a sampled latent, and the posterior."""
        posterior = self.encode(audio)
        return self.decode(posterior.sample(noise)), posterior


PITCH_BANDS = BandSpec(window=8192, hop=2048, low_hz=27.5, high_hz=3520.0, bands=112)
RHYTHM_BANDS = BandSpec(window=1024, hop=512, low_hz=0.0, high_hz=22050.0, bands=48)
