"""How well an autoencoder gives back pieces that it never trained on.

The distances are those of arXiv 2404.10301, table 5, computed by auraloss 0.4 with its defaults:
STFT is `MultiResolutionSTFTLoss()` (FFT 1024, 2048, 512; hop 120, 240, 50; window 600, 1200, 240;
spectral convergence + log magnitude), MEL is `MelSTFTLoss(sample_rate)` (FFT 1024, hop 256, 128
bands; the same two terms), SI-SDR is `SISDRLoss()` with the sign turned. Left and right are
compared each with its own and averaged.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longform.audio import read
from longform.autoencoder.interface import Autoencoder
from longform.autoencoder.tiled import decode_windowed, encode_windowed
from longform.errors import UserError
from longform.progress import OnProgress, Progress, quiet
from longform.train.evaluate.selection import excerpt_start_seconds, select_music, style_of

EXCERPT_SECONDS = 24.0
WINDOW_FRAMES = 256
PUBLISHED = {"stft": 1.19, "mel": 0.71, "si_sdr_db": 7.14}
"""Stable Audio 2.0 on Song Describer (2404.10301, table 5): other music, the same measure."""


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """Distances between a piece and its reconstruction; lower is better but for SI-SDR."""

    stft: float
    mel: float
    si_sdr_db: float


def reconstruct(autoencoder: Autoencoder, audio: Tensor) -> Tensor:
    """Encode (b, c, t) to the posterior's mean and decode it, at the same length."""
    with torch.inference_mode():
        posterior = encode_windowed(autoencoder, audio, WINDOW_FRAMES)
        return decode_windowed(autoencoder, posterior.mean, WINDOW_FRAMES)[..., : audio.shape[-1]]


def compare(reconstructed: Tensor, original: Tensor, sample_rate: int) -> Reconstruction:
    """The published distances of two (b, c, t) tensors at the same rate."""
    try:
        from auraloss.freq import MelSTFTLoss, MultiResolutionSTFTLoss
    except ImportError:
        raise UserError("the evaluation needs auraloss: pip install 'longform[train]'") from None
    pair = reconstructed.float(), original.float()
    with torch.inference_mode():
        return Reconstruction(
            stft=round(float(MultiResolutionSTFTLoss()(*pair)), 4),
            mel=round(float(MelSTFTLoss(sample_rate=sample_rate)(*pair)), 4),
            si_sdr_db=round(si_sdr_db(*pair), 3),
        )


def si_sdr_db(reconstructed: Tensor, original: Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio, the mean over (b, c, t)'s channels.

    Le Roux et al. 2018, 1811.02508, equation 3, without the mean of either signal.
    """
    estimate = reconstructed - reconstructed.mean(-1, keepdim=True)
    target = original - original.mean(-1, keepdim=True)
    scale = (estimate * target).sum(-1, keepdim=True) / (
        target.square().sum(-1, keepdim=True) + 1e-8
    )
    projected = scale * target
    ratio = projected.square().sum(-1) / ((estimate - projected).square().sum(-1) + 1e-8)
    return float(10 * torch.log10(ratio + 1e-8).mean())


def evaluate_autoencoder(
    autoencoder: Autoencoder,
    data: str | Path,
    *,
    count: int,
    seed: int,
    seconds: float = EXCERPT_SECONDS,
    split: str = "test",
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Measure the middle `seconds` of `count` test pieces; the report is ready for JSON.

    Raises:
        UserError: the corpus has no test pieces.
    """
    items = select_music(data, split=split, count=count, seed=seed)
    pieces: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        original = read(
            item.path,
            start_seconds=excerpt_start_seconds(item.seconds, seconds),
            seconds=seconds,
            sample_rate=autoencoder.sample_rate,
            channels=autoencoder.channels,
        )
        audio = torch.from_numpy(original.samples)[None]
        figures = compare(reconstruct(autoencoder, audio), audio, autoencoder.sample_rate)
        pieces.append({"id": item.id, "style": style_of(item), **asdict(figures)})
        on_progress(Progress("reconstruct", index + 1, len(items)))
    return {
        "pieces": len(pieces),
        "seconds_each": seconds,
        "latent_rate_hz": round(autoencoder.latent_rate_hz, 4),
        "latent_channels": autoencoder.latent_channels,
        "numbers_per_second": round(autoencoder.latent_rate_hz * autoencoder.latent_channels, 1),
        "mean": _means(pieces),
        "styles": {
            style: _means([piece for piece in pieces if piece["style"] == style])
            for style in sorted({piece["style"] for piece in pieces})
        },
        "published_stable_audio_2": PUBLISHED,
        "each": pieces,
    }


def _means(pieces: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {name: round(float(np.mean([p[name] for p in pieces])), 4) for name in PUBLISHED}
