"""Encode and decode in windows, equal to the whole at every boundary, in constant memory.

A window carries the network's margin on both sides as context, which is cut off afterwards; at the
ends of the recording the network pads as it would for the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from longform.autoencoder.bottleneck import Posterior
from longform.autoencoder.interface import Autoencoder, frames_of
from longform.errors import UserError
from longform.progress import OnProgress, Progress, quiet


@torch.no_grad()
def encode_windowed(
    autoencoder: Autoencoder, audio: Tensor, window_frames: int, on_progress: OnProgress = quiet
) -> Posterior:
    """Encode audio (b, c, t) of any length, `window_frames` latents at a time.

    Returns:
        the posterior of `autoencoder.encode(audio)`, (b, d, f), on the device of `audio`. Each
        window travels to the device of the network and back.

    Raises:
        UserError: `window_frames` is below 1.
    """
    hop, device = autoencoder.hop_samples, _device(autoencoder, audio)
    frames, margin = frames_of(audio.shape[-1], hop), autoencoder.encode_margin_frames
    windows = list(_windows(frames, window_frames, margin, autoencoder.align_frames))
    means, deviations = [], []
    for done, window in enumerate(windows):
        piece = audio[..., window.first * hop : window.last * hop].to(device)
        posterior = autoencoder.encode(piece)
        means.append(posterior.mean[..., window.inside].to(audio.device))
        deviations.append(posterior.std[..., window.inside].to(audio.device))
        on_progress(Progress("encode", done + 1, len(windows)))
    return Posterior(mean=torch.cat(means, dim=-1), std=torch.cat(deviations, dim=-1))


@torch.no_grad()
def decode_windowed(
    autoencoder: Autoencoder, latents: Tensor, window_frames: int, on_progress: OnProgress = quiet
) -> Tensor:
    """Decode latents (b, d, f), `window_frames` at a time, to audio (b, c, f * hop_samples).

    The result lies on the device of `latents`.

    Raises:
        UserError: `window_frames` is below 1.
    """
    hop, device = autoencoder.hop_samples, _device(autoencoder, latents)
    frames, margin = latents.shape[-1], autoencoder.decode_margin_frames
    windows = list(_windows(frames, window_frames, margin, autoencoder.align_frames))
    audio = latents.new_empty(len(latents), autoencoder.channels, latents.shape[-1] * hop)
    for done, window in enumerate(windows):
        piece = autoencoder.decode(latents[..., window.first : window.last].to(device))
        inside = slice(window.inside.start * hop, window.inside.stop * hop)
        audio[..., window.start * hop : window.stop * hop] = piece[..., inside].to(audio)
        on_progress(Progress("decode", done + 1, len(windows)))
    return audio


@dataclass(frozen=True)
class _Window:
    """Frames start..stop are wanted; first..last, with the context, are computed."""

    start: int
    stop: int
    first: int
    last: int

    @property
    def inside(self) -> slice:
        """The wanted frames, counted from `first`."""
        return slice(self.start - self.first, self.stop - self.first)


def _windows(
    frames: int, window_frames: int, margin_frames: int, align_frames: int
) -> Iterator[_Window]:
    if window_frames < 1:
        raise UserError(f"window_frames must be at least 1, got {window_frames}")
    for start in range(0, frames, window_frames):
        stop = min(start + window_frames, frames)
        first = max(0, start - margin_frames) // align_frames * align_frames
        last = min(frames, stop + margin_frames)
        yield _Window(start, stop, first, last)


def _device(autoencoder: Autoencoder, otherwise: Tensor) -> torch.device:
    parameters = autoencoder.parameters() if isinstance(autoencoder, nn.Module) else ()
    return next((parameter.device for parameter in parameters), otherwise.device)
