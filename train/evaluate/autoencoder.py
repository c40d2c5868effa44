"""How well an autoencoder gives back pieces that it never trained on.

The distances are those of arXiv 2404.10301, table 5, computed by auraloss 0.4 with its defaults:
STFT is `MultiResolutionSTFTLoss()` (FFT 1024, 2048, 512; hop 120, 240, 50; window 600, 1200, 240;
spectral convergence + log magnitude), MEL is `MelSTFTLoss(sample_rate)` (FFT 1024, hop 256, 128
bands; the same two terms), SI-SDR is `SISDRLoss()` with the sign turned. Left and right are
compared each with its own and averaged.

None of them hears whether a tone is in tune: their windows are shorter than that takes. So the key
of the piece is heard in the recording and again after the round trip, chroma are compared, and
`longform.train.evaluate.artefacts` listens for what the decoder repeats at a rate of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longform.audio import Waveform, read
from longform.autoencoder.interface import Autoencoder
from longform.autoencoder.tiled import decode_windowed, encode_windowed
from longform.errors import UserError
from longform.music.theory import Key
from longform.progress import OnProgress, Progress, quiet
from longform.train.dataset import Item
from longform.train.evaluate.artefacts import (
    BANDS_HZ,
    FRAME_SAMPLES,
    LEVELS_DB,
    Artefacts,
    hear_artefacts,
)
from longform.train.evaluate.key import Relation, estimate_key, key_relation
from longform.train.evaluate.selection import excerpt_start_seconds, select_music, style_of

EXCERPT_SECONDS = 24.0
WINDOW_FRAMES = 256
PUBLISHED = {"stft": 1.19, "mel": 0.71, "si_sdr_db": 7.14}
"""Stable Audio 2.0 on Song Describer (2404.10301, table 5): other music, the same measure."""
CHROMA_RATE_HZ, CHROMA_HOP_SAMPLES, CHROMA_OCTAVES = 11_025, 256, 6


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """Distances between a piece and its reconstruction; lower is better but for SI-SDR."""

    stft: float
    mel: float
    si_sdr_db: float


@dataclass(frozen=True, kw_only=True)
class RoundTrip:
    """A piece before and after the autoencoder: `recording` and `decoded` are what was heard.

    A relation is that of the key heard to the key known, None where it is not known.
    `chroma_cosine` is 1 where every pitch class sounds as loud as before, at every moment.
    """

    item: Item
    distances: Reconstruction
    chroma_cosine: float
    keys: tuple[Relation | None, Relation | None]
    artefacts: tuple[Artefacts, Artefacts]

    def to_json(self) -> dict[str, Any]:
        """One row of the report."""
        return {
            "id": self.item.id,
            "style": style_of(self.item),
            **vars(self.distances),
            "chroma_cosine": self.chroma_cosine,
            "key_recording": self.keys[0],
            "key_decoded": self.keys[1],
            "artefacts_recording": vars(self.artefacts[0]),
            "artefacts_decoded": vars(self.artefacts[1]),
            "alarms": self.artefacts[1].alarms(),
        }


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


def chroma_cosine(one: Waveform, other: Waveform) -> float:
    """Cosine of two recordings' chroma over time, each moment scaled to a sum of 1.

    Constant-Q magnitudes of six octaves from A1, semitones apart (librosa), folded into twelve.

    Raises:
        UserError: librosa is not installed.
    """
    first, second = (_chroma(waveform) for waveform in (one, other))
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return round(float((first * second).sum()) / max(scale, 1e-9), 4)


def evaluate_autoencoder(
    autoencoder: Autoencoder,
    data: str | Path,
    *,
    count: int,
    seed: int,
    seconds: float = EXCERPT_SECONDS,
    split: str = "test",
    also: Callable[[Waveform, Waveform], None] | None = None,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Measure the middle `seconds` of `count` test pieces; the report is ready for JSON.

    `also` is given every recording and what became of it, for measures of the caller's own.

    Raises:
        UserError: the corpus has no test pieces.
    """
    trips = list(
        _round_trips(autoencoder, data, count, seed, seconds, split, also or _nothing, on_progress)
    )
    styles = sorted({style_of(trip.item) for trip in trips})
    return {
        "pieces": len(trips),
        "seconds_each": seconds,
        "latent_rate_hz": round(autoencoder.latent_rate_hz, 4),
        "frame_rate_hz": round(autoencoder.sample_rate / FRAME_SAMPLES, 4),
        "latent_channels": autoencoder.latent_channels,
        "numbers_per_second": round(autoencoder.latent_rate_hz * autoencoder.latent_channels, 1),
        "mean": _summary(trips),
        "styles": {
            style: _summary([trip for trip in trips if style_of(trip.item) == style])
            for style in styles
        },
        "artefacts": _artefacts(trips),
        "published_stable_audio_2": PUBLISHED,
        "each": [trip.to_json() for trip in trips],
    }


def _round_trips(
    autoencoder: Autoencoder,
    data: str | Path,
    count: int,
    seed: int,
    seconds: float,
    split: str,
    also: Callable[[Waveform, Waveform], None],
    on_progress: OnProgress,
) -> Iterator[RoundTrip]:
    items = select_music(data, split=split, count=count, seed=seed)
    for index, item in enumerate(items):
        recording = read(
            item.path,
            start_seconds=excerpt_start_seconds(item.seconds, seconds),
            seconds=seconds,
            sample_rate=autoencoder.sample_rate,
            channels=autoencoder.channels,
        )
        samples = reconstruct(autoencoder, torch.from_numpy(recording.samples)[None])[0]
        decoded = Waveform(samples.float().numpy(), recording.sample_rate)
        also(recording, decoded)
        yield _hear(item, recording, decoded, autoencoder.hop_samples)
        on_progress(Progress("reconstruct", index + 1, len(items)))


def _nothing(recording: Waveform, decoded: Waveform) -> None:
    """Nothing of the caller's own is measured."""


def _hear(item: Item, recording: Waveform, decoded: Waveform, hop_samples: int) -> RoundTrip:
    first, second = (torch.from_numpy(one.samples)[None] for one in (decoded, recording))
    name = item.facts.get("key")
    truth = Key.parse(str(name)) if name else None
    heard = [
        hear_artefacts(one.samples, one.sample_rate, hop_samples) for one in (recording, decoded)
    ]
    return RoundTrip(
        item=item,
        distances=compare(first, second, recording.sample_rate),
        chroma_cosine=chroma_cosine(recording, decoded),
        keys=(_relation(recording, truth), _relation(decoded, truth)),
        artefacts=(heard[0], heard[1]),
    )


def _relation(waveform: Waveform, truth: Key | None) -> Relation | None:
    return None if truth is None else key_relation(estimate_key(waveform).key, truth)


def _chroma(waveform: Waveform) -> np.ndarray:
    try:
        from librosa import cqt
    except ImportError:
        raise UserError("the evaluation needs librosa: pip install 'longform[train]'") from None
    mono = Waveform(waveform.samples.mean(0, keepdims=True), waveform.sample_rate)
    found = cqt(
        mono.resampled(CHROMA_RATE_HZ).samples[0],
        sr=CHROMA_RATE_HZ,
        fmin=55.0,
        n_bins=12 * CHROMA_OCTAVES,
        hop_length=CHROMA_HOP_SAMPLES,
    )
    folded = np.abs(found).reshape(CHROMA_OCTAVES, 12, -1).sum(0)
    return folded / (folded.sum(0) + 1e-3)


def _summary(trips: Sequence[RoundTrip]) -> dict[str, float]:
    """Means; the shares of keys are of the pieces whose key is known, absent if of none."""
    figures = {
        "stft": np.mean([trip.distances.stft for trip in trips]),
        "mel": np.mean([trip.distances.mel for trip in trips]),
        "si_sdr_db": np.mean([trip.distances.si_sdr_db for trip in trips]),
        "chroma_cosine": np.mean([trip.chroma_cosine for trip in trips]),
        "alarm_share": np.mean([bool(trip.artefacts[1].alarms()) for trip in trips]),
        "alarm_share_recording": np.mean([bool(trip.artefacts[0].alarms()) for trip in trips]),
    }
    keys = [trip.keys for trip in trips if trip.keys[0] is not None]
    if keys:
        figures["key_recording"] = np.mean([before == "exact" for before, _ in keys])
        for relation in ("exact", "relative", "fifth"):
            figures[f"key_{relation}"] = np.mean([after == relation for _, after in keys])
    return {name: round(float(value), 4) for name, value in figures.items()}


def _artefacts(trips: Sequence[RoundTrip]) -> dict[str, dict[str, Any]]:
    """By measure: its alarm level, means by band and shares of alarms, before and after."""
    sides = {"recording": 0, "decoded": 1}
    return {
        name: {
            "level_db": level,
            **{side: _band_means(trips, name, which) for side, which in sides.items()},
            "alarm_share": {
                side: round(float(np.mean([name in t.artefacts[which].alarms() for t in trips])), 4)
                for side, which in sides.items()
            },
        }
        for name, level in LEVELS_DB.items()
    }


def _band_means(trips: Sequence[RoundTrip], name: str, which: int) -> dict[str, float]:
    rows = [getattr(trip.artefacts[which], name) for trip in trips]
    return {
        band: round(float(np.mean([row[band] for row in rows if band in row])), 2)
        for band in BANDS_HZ
        if any(band in row for row in rows)
    }
