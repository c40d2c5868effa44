"""Samples with their rate, and what can be said about them: length, level, loudness."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longform.errors import UserError
from longform.loudness import block_energies, integrated_lufs, true_peak

if TYPE_CHECKING:
    from longform.audio_write import WriteReport

BLOCK_FRAMES = 65_536
SILENCE_DB = -120.0  # what a level of nothing at all is reported as
HALF_POWER = math.sqrt(0.5)

# Speaker layouts by channel count, as WAV and FLAC order them: each row is (left, right) weights.
_LEFT, _RIGHT, _BOTH, _NONE = (1.0, 0.0), (0.0, 1.0), (HALF_POWER, HALF_POWER), (0.0, 0.0)
_SIDE_LEFT, _SIDE_RIGHT = (HALF_POWER, 0.0), (0.0, HALF_POWER)
_LAYOUTS = {
    3: (_LEFT, _RIGHT, _BOTH),
    4: (_LEFT, _RIGHT, _SIDE_LEFT, _SIDE_RIGHT),
    5: (_LEFT, _RIGHT, _BOTH, _SIDE_LEFT, _SIDE_RIGHT),
    6: (_LEFT, _RIGHT, _BOTH, _NONE, _SIDE_LEFT, _SIDE_RIGHT),
    7: (_LEFT, _RIGHT, _BOTH, _NONE, (0.5, 0.5), _SIDE_LEFT, _SIDE_RIGHT),
    8: (_LEFT, _RIGHT, _BOTH, _NONE, _SIDE_LEFT, _SIDE_RIGHT, _SIDE_LEFT, _SIDE_RIGHT),
}


@dataclass(frozen=True, eq=False)
class Waveform:
    """Audio in memory: `samples` (channels, samples) float32, full scale +-1, rate in Hz."""

    samples: np.ndarray
    sample_rate: int

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples)
        if samples.ndim != 2 or samples.shape[0] < 1:
            raise UserError(f"a waveform is (channels, samples), got shape {samples.shape}")
        if self.sample_rate <= 0:
            raise UserError(f"sample rate {self.sample_rate} is not a positive number of hertz")
        object.__setattr__(self, "samples", samples.astype(np.float32, copy=False))

    @property
    def channels(self) -> int:
        return self.samples.shape[0]

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.sample_rate

    @property
    def peak_db(self) -> float:
        """Largest sample, in decibels of full scale."""
        return to_db(float(np.abs(self.samples).max(initial=0.0)))

    @property
    def true_peak_db(self) -> float:
        """Largest value, between the samples too: 4 times oversampled (BS.1770-4, annex 2)."""
        return to_db(true_peak(self.samples))

    @property
    def sha256(self) -> str:
        """Of rate, shape and samples: the same for the same sound, whatever file it came from."""
        digest = hashlib.sha256(f"{self.sample_rate} {self.samples.shape}".encode())
        digest.update(np.ascontiguousarray(self.samples, "<f4").data)
        return digest.hexdigest()

    def loudness_lufs(self) -> float | None:
        """Integrated loudness (ITU-R BS.1770-4); None for silence and for less than 0.4 s."""
        stereo = self.to_channels(2) if self.channels > 5 else self
        energies = block_energies(stereo.samples, self.sample_rate)
        return integrated_lufs(energies, self.samples.shape[1], self.sample_rate)

    def to_channels(self, channels: int) -> "Waveform":
        """The same sound in `channels` channels (1 or 2 from any number); see `fold`."""
        return Waveform(fold(self.samples, channels), self.sample_rate)

    def resampled(self, sample_rate: int) -> "Waveform":
        """The same sound at another rate (soxr, high quality)."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        samples = soxr.resample(self.samples.T, self.sample_rate, sample_rate)
        return Waveform(np.ascontiguousarray(samples.T), sample_rate)

    def save(
        self,
        path: str | Path,
        *,
        bits: int | None = None,
        tags: dict[str, str] | None = None,
        overwrite: bool = False,
    ) -> "WriteReport":
        """Write to a .wav, .flac, .mp3 or .ogg file; see `longform.audio.write`."""
        from longform.audio_write import write

        return write(path, self, bits=bits, tags=tags, overwrite=overwrite)

    def _ipython_display_(self) -> None:
        """In a notebook a waveform shows as a player."""
        from IPython.display import Audio, display  # pyright: ignore[reportMissingImports]

        player: Any = Audio(self.to_channels(min(self.channels, 2)).samples, rate=self.sample_rate)
        display(player)


def fold(samples: np.ndarray, channels: int) -> np.ndarray:
    """Bring (c, t) samples to 1 or 2 channels, or leave them when they already have `channels`.

    One channel is copied to both sides. Two become one by their mean. Three to eight are taken as
    the usual speaker layouts (L R C LFE ...) and folded by ITU-R BS.775-3: centre and surrounds at
    -3 dB, no LFE, then scaled so that nothing can exceed full scale. In other layouts channels with
    even index go left, with odd index right, each side by its mean.
    """
    count = samples.shape[0]
    if channels == count:
        return samples
    if channels not in (1, 2):
        raise UserError(f"cannot make {channels} channels of {count}; ask for 1 or 2")
    if channels == 1:
        return fold(samples, 2).mean(axis=0, keepdims=True) if count > 2 else _mean(samples)
    if count == 1:
        return np.repeat(samples, 2, axis=0)
    if count in _LAYOUTS:
        matrix = np.array(_LAYOUTS[count], np.float32)
        return (matrix / matrix.sum(axis=0).max()).T @ samples
    return np.concatenate([_mean(samples[0::2]), _mean(samples[1::2])])


def blocks(samples: np.ndarray, frames: int = BLOCK_FRAMES) -> Iterator[np.ndarray]:
    """Cut (c, t) into consecutive pieces of at most `frames` samples."""
    for start in range(0, samples.shape[1], frames):
        yield samples[:, start : start + frames]


def to_db(amplitude: float) -> float:
    """Decibels of full scale, `SILENCE_DB` at the least."""
    return max(SILENCE_DB, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DB


def from_db(level_db: float) -> float:
    return 10 ** (level_db / 20)


def _mean(samples: np.ndarray) -> np.ndarray:
    return samples.mean(axis=0, keepdims=True, dtype=np.float32)
