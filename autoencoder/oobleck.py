"""Oobleck, the waveform autoencoder of Stable Audio (arXiv 2404.10301, section 3.1).

Strided convolutions with dilated residual units and Snake activations, weight norm everywhere, no
final tanh. Names and shapes of all parameters are those of the published checkpoints.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.autoencoder.bottleneck import Posterior
from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.interface import pad_to_hop

DILATIONS = (1, 3, 9)


class Oobleck(nn.Module):
    """Waveform VAE; follows `longform.autoencoder.interface.Autoencoder`."""

    align_frames = 1

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate = config.sample_rate
        self.channels = config.audio_channels
        self.hop_samples = config.hop_samples
        self.latent_channels = config.latent_channels
        self.encoder = OobleckEncoder(config)
        self.decoder = OobleckDecoder(config)
        self.encode_margin_frames = encoder_margin_frames(self.encoder, self.hop_samples)
        self.decode_margin_frames = decoder_margin_frames(self.decoder, self.hop_samples)

    @property
    def latent_rate_hz(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop_samples

    def encode(self, audio: Tensor) -> Posterior:
        """Audio (b, c, t), zero-padded to whole hops, to a posterior over latents (b, d, f)."""
        return Posterior.from_mean_and_scale(self.encoder(pad_to_hop(audio, self.hop_samples)))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (b, d, f) to audio (b, c, f * hop_samples)."""
        return self.decoder(latents)

    def forward(self, audio: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Posterior]:
        """Audio (b, c, t) to its reconstruction from a sampled latent, and the posterior."""
        posterior = self.encode(audio)
        return self.decode(posterior.sample(noise)), posterior


class OobleckEncoder(nn.Module):
    """Audio (b, c, t) to mean | scale (b, 2d, t / hop)."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        widths = _widths(config)
        layers: list[nn.Module] = [Conv(config.audio_channels, widths[0], 7, padding=3)]
        for stage, stride in enumerate(config.strides):
            layers.append(EncoderBlock(widths[stage], widths[stage + 1], stride))
        layers.append(Snake(widths[-1]))
        layers.append(Conv(widths[-1], 2 * config.latent_channels, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, audio: Tensor) -> Tensor:
        """Whole hops of audio to the parameters of the posterior."""
        return self.layers(audio)


class OobleckDecoder(nn.Module):
    """Latents (b, d, f) to audio (b, c, f * hop)."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        widths = _widths(config)
        layers: list[nn.Module] = [Conv(config.latent_channels, widths[-1], 7, padding=3)]
        for stage in reversed(range(len(config.strides))):
            layers.append(DecoderBlock(widths[stage + 1], widths[stage], config.strides[stage]))
        layers.append(Snake(widths[0]))
        layers.append(Conv(widths[0], config.audio_channels, 7, padding=3, bias=False))
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents to audio."""
        return self.layers(latents)


class EncoderBlock(nn.Module):
    """Residual units, then a strided convolution: (b, inputs, t) to (b, outputs, t / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(ResidualUnit(inputs, dilation) for dilation in DILATIONS),
            Snake(inputs),
            Conv(inputs, outputs, 2 * stride, stride=stride, padding=stride // 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape through the units, then stride."""
        return self.layers(x)


class DecoderBlock(nn.Module):
    """Transposed convolution, then residual units: (b, inputs, t) to (b, outputs, t * stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Snake(inputs),
            ConvTranspose(inputs, outputs, 2 * stride, stride=stride, padding=stride // 2),
            *(ResidualUnit(outputs, dilation) for dilation in DILATIONS),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Raise the rate, then refine."""
        return self.layers(x)


class ResidualUnit(nn.Module):
    """x + conv1(snake(conv7(snake(x)))), the wide convolution dilated."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Snake(width),
            Conv(width, width, 7, padding=3 * dilation, dilation=dilation),
            Snake(width),
            Conv(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept."""
        return x + self.layers(x)


class Snake(nn.Module):
    """x + sin^2(a x) / b, a = e^alpha, b = e^beta per channel (arXiv 2006.08195; b: 2206.04658)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(b, width, t), shape kept."""
        alpha, beta = self.alpha.exp()[:, None], self.beta.exp()[:, None]
        return x + torch.sin(alpha * x).square() / (beta + 1e-9)


class WeightNormConv(nn.Module):
    """weight = g v / |v|, the norm per slice of dimension 0 (arXiv 1602.07868, equation 2)."""

    weight_g: nn.Parameter
    weight_v: nn.Parameter

    def __init__(
        self, shape: tuple[int, int, int], bias: int, stride: int, padding: int, dilation: int
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.dilation = shape[2], stride, padding, dilation
        bound = 1 / math.sqrt(shape[1] * shape[2])
        self.weight_v = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.weight_g = nn.Parameter(slice_norm(self.weight_v.detach()))
        self.bias = nn.Parameter(torch.empty(bias).uniform_(-bound, bound)) if bias else None

    def effective_weight(self) -> Tensor:
        """The weight of the convolution."""
        if "weight" in self._parameters:
            return self.get_parameter("weight")
        return self.weight_v * (self.weight_g / slice_norm(self.weight_v))

    def fold(self) -> None:
        """Keep the product instead of its factors; a second call changes nothing."""
        if "weight" in self._parameters:
            return
        weight = self.effective_weight().detach()
        del self.weight_g, self.weight_v
        self.register_parameter("weight", nn.Parameter(weight))


def fold_weight_norm(network: nn.Module) -> None:
    """Replace every weight_g, weight_v by the weight they stand for: for inference alone."""
    for module in network.modules():
        if isinstance(module, WeightNormConv):
            module.fold()


class Conv(WeightNormConv):
    """Convolution over time with weight norm."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        shape = (outputs, inputs, kernel)
        super().__init__(shape, outputs if bias else 0, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(b, inputs, t) to (b, outputs, t')."""
        weight = self.effective_weight()
        return F.conv1d(x, weight, self.bias, self.stride, self.padding, self.dilation)


class ConvTranspose(WeightNormConv):
    """Transposed convolution with weight norm; dimension 0 of its weight is the input channel."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int, padding: int
    ) -> None:
        super().__init__((inputs, outputs, kernel), outputs, stride, padding, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, inputs, t) to (b, outputs, t * stride)."""
        weight = self.effective_weight()
        return F.conv_transpose1d(x, weight, self.bias, self.stride, self.padding)


def encoder_margin_frames(encoder: nn.Module, hop_samples: int) -> int:
    """Latent frames on either side of a frame that its encoding depends on."""
    low, high = _dependence(encoder, 0, 0)
    return -(-max(-low, high - (hop_samples - 1)) // hop_samples)


def decoder_margin_frames(decoder: nn.Module, hop_samples: int) -> int:
    """Latent frames on either side of a hop that its samples depend on."""
    low, high = _dependence(decoder, 0, hop_samples - 1)
    return max(-low, high)


def _dependence(network: nn.Module, low: int, high: int) -> tuple[int, int]:
    """The range of inputs on which outputs low..high depend, walked through the convolutions."""
    for layer in reversed([m for m in network.modules() if isinstance(m, WeightNormConv)]):
        reach = (layer.kernel - 1) * layer.dilation
        if isinstance(layer, ConvTranspose):
            low = -(-(low + layer.padding - reach) // layer.stride)
            high = (high + layer.padding) // layer.stride
        else:
            low = low * layer.stride - layer.padding
            high = high * layer.stride - layer.padding + reach
    return low, high


def _widths(config: OobleckConfig) -> list[int]:
    return [config.channels * multiplier for multiplier in (1, *config.multipliers)]


def slice_norm(weight: Tensor) -> Tensor:
    """The norm of each slice of dimension 0, (n, 1, 1)."""
    return weight.flatten(1).norm(dim=1)[:, None, None]
