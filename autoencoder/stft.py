"""Short-time spectra for losses and discriminators: hop a quarter of the window, cheap gradients.

Autograd would run a complex FFT of full length backwards and differentiate the complex modulus;
the backward passes here are one inverse real FFT and an overlap-add, about half of the time on a
CPU. They can be differentiated once.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

POWER_FLOOR = 1e-8  # |STFT|^2 is clamped here, as in auraloss


def stft_magnitude(signals: Tensor, window: Tensor) -> Tensor:
    """Magnitudes (..., frames, bins), at least 1e-4, of real signals (..., t).

    Frames are centred and the signal is reflected at its ends; samples after the last whole hop
    are dropped.
    """
    padded = _centred(signals, window.shape[0])
    return _Magnitude.apply(padded, window).unflatten(0, signals.shape[:-1])


def stft_pairs(signals: Tensor, window: Tensor) -> Tensor:
    """The complex spectrum as real pairs (..., frames, bins, 2); framing as `stft_magnitude`."""
    padded = _centred(signals, window.shape[0])
    return _Pairs.apply(padded, window).unflatten(0, signals.shape[:-1])


def _centred(signals: Tensor, size: int) -> Tensor:
    hop = size // 4
    whole = signals[..., : signals.shape[-1] // hop * hop].reshape(
        -1, signals.shape[-1] // hop * hop
    )
    return F.pad(whole, (size // 2, size // 2), mode="reflect")


def _spectrum(padded: Tensor, window: Tensor) -> Tensor:
    """(n, t) to the complex (n, frames, bins)."""
    size = window.shape[0]
    return torch.fft.rfft(padded.unfold(-1, size, size // 4) * window)


def _spectrum_gradient(pairs: Tensor, window: Tensor) -> Tensor:
    """Gradient of (n, t) from the gradient of the spectrum, (n, frames, bins, 2), overwritten."""
    size, hop = window.shape[0], window.shape[0] // 4
    pairs[..., 1:-1, :] *= 0.5  # irfft counts every bin but DC and Nyquist twice
    frames = torch.fft.irfft(torch.view_as_complex(pairs), n=size, norm="forward").mul_(window)
    count = frames.shape[-2]
    frames = frames.unflatten(-1, (4, hop))
    blocks = frames.new_zeros(frames.shape[0], count + 3, hop)
    for quarter in range(4):  # overlap-add
        blocks[:, quarter : quarter + count] += frames[:, :, quarter]
    return blocks.flatten(-2)


class _Pairs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padded: Tensor, window: Tensor) -> Tensor:
        ctx.save_for_backward(window)
        return torch.view_as_real(_spectrum(padded, window))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (window,) = ctx.saved_tensors
        return _spectrum_gradient(
            gradients[0].clone(memory_format=torch.contiguous_format), window
        ), None


class _Magnitude(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padded: Tensor, window: Tensor) -> Tensor:
        pairs = torch.view_as_real(_spectrum(padded, window))
        real, imaginary = pairs.unbind(-1)
        power = (real * real).addcmul_(imaginary, imaginary)
        magnitude = power.clamp_(min=POWER_FLOOR).sqrt_()
        ctx.save_for_backward(pairs, magnitude, window)
        return magnitude

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        pairs, magnitude, window = ctx.saved_tensors
        slope = gradients[0] / magnitude
        slope.masked_fill_(magnitude <= math.sqrt(POWER_FLOOR), 0.0)  # the clamp is flat
        return _spectrum_gradient(pairs * slope.unsqueeze(-1), window), None
