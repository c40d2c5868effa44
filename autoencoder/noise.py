"""Even noise: it never repeats, and its spectrogram has as few dips as a noise's can have.

A decoder that says how loud noise is gets that level times the ripple of the noise it shapes.
White noise ripples most (its STFT magnitudes are Rayleigh distributed), and the holes are its own,
not those of the recording. Here the ripple is taken out beforehand, by gradient descent on the
deviation of log-magnitudes from their mean, in windows of 5 to 46 ms.
"""

import torch
from torch import Tensor
from torch.nn import functional

WINDOWS_SAMPLES = (2048, 1200, 600, 240)
_RATE, _FLOOR = 0.05, 1e-6


def white_noise(samples: int) -> Tensor:
    """The same standard normal numbers (samples,) for ever."""
    return torch.randn(samples, generator=torch.Generator().manual_seed(0))


def even_noise(samples: int, steps: int = 200, device: torch.device | None = None) -> Tensor:
    """Noise (samples,) of unit variance that goes round without a seam, white but even.

    The mean distance of its log-magnitudes from their mean falls from 0.48 to about 0.28.
    """
    noise = white_noise(samples).to(device).requires_grad_()
    optimiser = torch.optim.Adam([noise], lr=_RATE)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = _RATE * (1 - step / steps)
        optimiser.zero_grad()
        with torch.enable_grad():
            windows = [WINDOWS_SAMPLES[(step + i) % len(WINDOWS_SAMPLES)] for i in range(2)]
            torch.stack([ripple(noise, window) for window in windows]).sum().backward()
        optimiser.step()
    noise = noise.detach()
    return noise / noise.std()


def ripple(noise: Tensor, window_samples: int) -> Tensor:
    """Mean distance of the log-magnitudes of a noise (samples,) from their mean; scalar."""
    window = torch.hann_window(window_samples, device=noise.device)
    around = functional.pad(noise[None], (0, window_samples), mode="circular")[0]
    frames = around.unfold(0, window_samples, window_samples // 4) * window
    size = 1 << (window_samples - 1).bit_length()
    spectrum = torch.view_as_real(torch.fft.rfft(frames, n=size))[:, 1:-1]
    log_magnitude = 0.5 * torch.log(spectrum.square().sum(-1) + _FLOOR)
    return (log_magnitude - log_magnitude.mean()).abs().mean()
