"""Multi-scale complex STFT discriminator (EnCodec, arXiv 2210.13438, section 3.4).

Stable Audio 2.0 uses five of its scales with 64 filters (arXiv 2404.10301, section 3.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from longform.autoencoder.stft import stft_pairs
from longform.errors import UserError

TIME_DILATIONS = (1, 2, 4)


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """Five scales of 64 filters by default, all of them in every step."""

    fft_sizes: tuple[int, ...] = (2048, 1024, 512, 256, 128)
    filters: int = 64
    kernel_bins: int = 9
    fold_bins: int = 1
    """Neighbouring bins that enter as channels of one position: fewer positions, wider channels,
    which matrix units like. EnCodec has 1."""
    scales_per_step: int = 0
    """How many scales a training step draws; 0 takes all of them."""

    def __post_init__(self) -> None:
        if not 0 <= self.scales_per_step <= len(self.fft_sizes):
            raise UserError(
                f"scales_per_step is {self.scales_per_step}, but there are "
                f"{len(self.fft_sizes)} scales"
            )

    def draw_scales(self, generator: torch.Generator) -> list[int]:
        """Indices of the scales of one step, ascending."""
        count = self.scales_per_step or len(self.fft_sizes)
        return sorted(torch.randperm(len(self.fft_sizes), generator=generator)[:count].tolist())


class MultiScaleSTFTDiscriminator(nn.Module):
    """One convolution stack per FFT size, each on the complex spectrogram of the audio."""

    def __init__(self, config: DiscriminatorConfig, channels: int = 2) -> None:
        super().__init__()
        self.config = config
        self.scales = nn.ModuleList(
            STFTDiscriminator(size, config, channels) for size in config.fft_sizes
        )

    def forward(
        self, audio: Tensor, scales: Sequence[int] | None = None
    ) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Judge audio (b, c, t).

        Returns:
            logits, one tensor (b, 1, frames, bins) per scale, and features, for each scale the
            activations of its layers. `scales` picks scales by index; all of them by default.
        """
        chosen = range(len(self.scales)) if scales is None else scales
        judged = [self.scales[index](audio) for index in chosen]
        return [logits for logits, _ in judged], [features for _, features in judged]


class STFTDiscriminator(nn.Module):
    """One scale: real and imaginary parts of every channel in, a map of logits out."""

    window: Tensor

    def __init__(self, fft_size: int, config: DiscriminatorConfig, channels: int) -> None:
        super().__init__()
        self.fold = config.fold_bins
        window = torch.hann_window(fft_size)
        self.register_buffer("window", window / window.square().sum().sqrt(), persistent=False)
        self.stack = ConvStack(2 * channels * self.fold, config.filters, config.kernel_bins)

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Audio (b, c, t) to logits and features."""
        with torch.autocast(audio.device.type, enabled=False):
            pairs = stft_pairs(audio.float(), self.window)  # b c frames bins 2
        pairs = pairs[..., : pairs.shape[-2] // self.fold * self.fold, :]
        image = rearrange(pairs, "b c f (k fold) p -> b f k (c fold p)", fold=self.fold)
        return self.stack(image.permute(0, 3, 1, 2))  # channels_last in memory


class ConvStack(nn.Module):
    """Convolutions over (frames, bins): bins halve per layer, frames are dilated by 1, 2, 4."""

    def __init__(self, inputs: int, filters: int, kernel_bins: int) -> None:
        super().__init__()
        kernel = (3, kernel_bins)
        layers = [_conv(inputs, filters, kernel)]
        for dilation in TIME_DILATIONS:
            layers.append(_conv(filters, filters, kernel, stride=(1, 2), dilation=(dilation, 1)))
        layers.append(_conv(filters, filters, (3, 3)))
        self.layers = nn.ModuleList(layers)
        self.judge = _conv(filters, 1, (3, 3))
        self.activation = nn.LeakyReLU(0.2)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(b, 2c, frames, bins) to logits (b, 1, frames, bins') and the features of each layer."""
        features = []
        for layer in self.layers:
            image = self.activation(layer(image))
            features.append(image)
        return self.judge(image), features


def _conv(
    inputs: int,
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> nn.Module:
    padding = tuple((k - 1) // 2 * d for k, d in zip(kernel, dilation, strict=True))
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride=stride, dilation=dilation, padding=(padding[0], padding[1])
    )
    return weight_norm(conv)
