"""Losses of the autoencoder: spectral distances, adversarial terms, feature matching.

Everything spectral is computed in float32 outside autocast. Two spectral losses share one shape:
`StereoSTFTLoss` is the recipe of the paper, on auraloss; `SampledSTFTLoss` draws a few of the
resolutions and one stereo view per step, for machines on which the full sum is the largest cost.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.autoencoder.stft import stft_magnitude
from longform.errors import UserError
from longform.mel import unit_mel_bands

MEL_FLOOR = 1e-5


class StereoSTFTLoss(nn.Module):
    """Mid/side plus half of left plus half of right, over several resolutions.

    arXiv 2404.10301, section 4.1.1: a perceptually weighted multi-resolution STFT distance
    (Steinmetz, auraloss) on mid and side, and on left and right at half the weight. Hops are a
    quarter of the FFT size. Mono audio has neither side nor right: its distance is taken once.
    """

    def __init__(
        self, fft_sizes: Sequence[int], *, sample_rate: int, a_weighting: bool = True
    ) -> None:
        super().__init__()
        try:
            from auraloss.freq import MultiResolutionSTFTLoss, SumAndDifferenceSTFTLoss
        except ImportError:
            raise UserError(
                "the multi-resolution STFT loss needs auraloss: pip install 'longform[train]'"
            ) from None
        options: dict[str, Any] = {
            "fft_sizes": list(fft_sizes),
            "hop_sizes": [size // 4 for size in fft_sizes],
            "win_lengths": list(fft_sizes),
            "sample_rate": sample_rate,
            "perceptual_weighting": a_weighting,
        }
        self.mid_side = SumAndDifferenceSTFTLoss(**options)
        self.channel = MultiResolutionSTFTLoss(**options)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Distance of two batches of audio (b, c, t); scalar."""
        with torch.autocast(prediction.device.type, enabled=False):
            prediction, target = prediction.float(), target.float()
            if prediction.shape[1] == 1:
                return self.channel(prediction, target)
            left = self.channel(prediction[:, :1], target[:, :1])
            right = self.channel(prediction[:, 1:], target[:, 1:])
            return self.mid_side(prediction, target) + 0.5 * left + 0.5 * right


class SampledSTFTLoss(nn.Module):
    """A cheap estimate of `StereoSTFTLoss` that adds a log-mel term from the same spectra.

    Each call draws `resolutions_per_step` FFT sizes without repetition and, by coin toss,
    mid/side or left/right. Per resolution: spectral convergence + log magnitude, averaged over
    the two signals, as auraloss has it. The mel term has 5/32 bands per FFT point, the ratio of
    the multi-scale mel loss of the Descript codec (arXiv 2306.06546).
    """

    def __init__(
        self,
        fft_sizes: Sequence[int],
        *,
        sample_rate: int,
        resolutions_per_step: int = 2,
        mel_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if not 1 <= resolutions_per_step <= len(fft_sizes):
            raise UserError(
                f"resolutions_per_step is {resolutions_per_step}, but there are "
                f"{len(fft_sizes)} FFT sizes"
            )
        self.fft_sizes = tuple(fft_sizes)
        self.resolutions_per_step = resolutions_per_step
        self.mel_weight = mel_weight
        for size in self.fft_sizes:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
            bands = max(1, size * 5 // 32)
            bank = unit_mel_bands(sample_rate=sample_rate, fft_samples=size, bands=bands)
            self.register_buffer(f"mel_{size}", bank, persistent=False)

    def forward(self, prediction: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        """Distance of two batches of audio (b, c, t); scalar. `generator` lives on the CPU."""
        order = torch.randperm(len(self.fft_sizes), generator=generator)
        sizes = [self.fft_sizes[int(i)] for i in order[: self.resolutions_per_step]]
        mid_side = bool(torch.rand((), generator=generator) < 0.5)
        with torch.autocast(prediction.device.type, enabled=False):
            prediction = stereo_view(prediction.float(), mid_side)
            target = stereo_view(target.float(), mid_side)
            distances = [self.distance(prediction, target, size) for size in sizes]
        return torch.stack(distances).mean()

    def distance(self, prediction: Tensor, target: Tensor, fft_size: int) -> Tensor:
        """Distance of two sets of signals (c, b, t) at one resolution; the mean over c."""
        window = self.get_buffer(f"window_{fft_size}")
        predicted, wanted = (stft_magnitude(x, window) for x in (prediction, target))
        inner = tuple(range(1, predicted.dim()))
        difference = torch.linalg.vector_norm(wanted - predicted, dim=inner)
        convergence = (difference / torch.linalg.vector_norm(wanted, dim=inner)).mean()
        total = convergence + F.l1_loss(predicted.log(), wanted.log())
        if self.mel_weight:
            bank = self.get_buffer(f"mel_{fft_size}")
            mel, wanted_mel = ((x @ bank).clamp(min=MEL_FLOOR).log() for x in (predicted, wanted))
            total = total + self.mel_weight * F.l1_loss(mel, wanted_mel)
        return total


def stereo_view(audio: Tensor, mid_side: bool) -> Tensor:
    """Audio (b, c, t) to signals (c, b, t): sum and difference of a pair, or the channels."""
    if mid_side and audio.shape[1] == 2:
        return torch.stack((audio[:, 0] + audio[:, 1], audio[:, 0] - audio[:, 1]))
    return audio.transpose(0, 1).contiguous()


def scale_invariant_sdr_db(prediction: Tensor, target: Tensor) -> Tensor:
    """SI-SDR in dB per signal: (..., t) twice to (...); higher is better.

    Le Roux et al., arXiv 1811.02508, equation 5, with the means removed.
    """
    prediction = prediction - prediction.mean(dim=-1, keepdim=True)
    target = target - target.mean(dim=-1, keepdim=True)
    floor = 1e-8
    energy = target.square().sum(dim=-1, keepdim=True) + floor
    projection = (prediction * target).sum(dim=-1, keepdim=True) / energy * target
    signal = projection.square().sum(dim=-1) + floor
    noise = (prediction - projection).square().sum(dim=-1) + floor
    return 10 * torch.log10(signal / noise)


def hinge_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean over the scales of E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(x)))] (Geometric GAN)."""
    terms = [
        F.relu(1 - r.float()).mean() + F.relu(1 + f.float()).mean()
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def hinge_generator(fake: Sequence[Tensor]) -> Tensor:
    """Mean over the scales of E[-D(G(x))]."""
    return torch.stack([-f.float().mean() for f in fake]).mean()


def feature_matching(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """L1 between the features of each layer, over the mean size of the real ones.

    EnCodec (arXiv 2210.13438), equation 2; the mean over scales and layers.
    """
    terms = [
        F.l1_loss(f.float(), r.detach().float()) / r.detach().float().abs().mean().clamp(min=1e-5)
        for real_scale, fake_scale in zip(real, fake, strict=True)
        for r, f in zip(real_scale, fake_scale, strict=True)
    ]
    return torch.stack(terms).mean()
