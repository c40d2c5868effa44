"""The mixing desk: pan, rooms, echo, ducking, compression and a limiter.

Whatever acts on the mix (compression, loudness, limiting) is a gain over time that every stem
receives alike, so the stems always sum to the mix. Gains live on blocks of 64 samples and are
interpolated between them.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pyloudnorm
from scipy.fft import irfft, rfft
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import butter, lfilter, sosfilt

BLOCK_SAMPLES = 64
CEILING_DB = -1.2  # of sample peaks; leaves room for 16-bit dither below -1 dBFS
_LOOKAHEAD_BLOCKS = 4  # 5.8 ms at 44.1 kHz
_LISTEN_SECONDS = 3.0
# Seconds of build-up, early echoes and over how long, pre-delay, how long the treble rings.
_SPACES: dict[str, tuple[float, int, float, tuple[float, float], float]] = {
    "room": (0.012, 8, 0.06, (0.004, 0.03), 1.0),
    "plate": (0.002, 0, 0.06, (0.0, 0.012), 1.6),
    "hall": (0.05, 10, 0.11, (0.018, 0.045), 0.75),
}


def balance(pan: float) -> np.ndarray:
    """(2, 1) equal-power gains of left and right for pan -1..1; 1 and 1 in the middle."""
    angle = (float(np.clip(pan, -1, 1)) + 1) * np.pi / 4
    sides = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])
    return sides.astype(np.float32)


def decibels(gain_db: float) -> float:
    """The factor of a gain in dB."""
    return 10 ** (gain_db / 20)


@lru_cache(maxsize=32)
def room(seed: int, seconds: float, sample_rate: int, kind: str = "room") -> np.ndarray:
    """(2, n) impulse response of unit energy: pre-delay, early echoes, noise that darkens.

    `seconds` is the time in which the middle band falls by 60 dB; bass rings longer. A "plate" is
    dense and bright at once and has no echoes, a "hall" builds up slowly, late and dark.
    """
    build, echoes, spread, (soonest, latest), bright = _SPACES[kind]
    rng = np.random.default_rng(seed)
    count = int(seconds * 1.25 * sample_rate)
    time = np.arange(count) / sample_rate
    out = np.zeros((2, count))
    edges = (100.0, 500.0, 2000.0, 6000.0, 14000.0)
    damping = rng.uniform(0.3, 0.5) * bright
    for index, (low, high) in enumerate(pairwise(edges)):
        rt60 = seconds * (1.15, 1.0, 0.75, damping)[index]
        sections = butter(
            1, [low, min(high, 0.49 * sample_rate)], "band", fs=sample_rate, output="sos"
        )
        noise = np.asarray(sosfilt(sections, rng.standard_normal((2, count)), axis=1))
        out += noise * np.exp(-6.91 * time / rt60) * (1.0, 1.0, 0.85, 0.6)[index]
    out *= np.minimum(time / build, 1)  # density builds up
    for delay in rng.uniform(0.006, spread, echoes):
        side, level = rng.integers(2), rng.uniform(2, 6) * np.exp(-delay / (0.67 * spread))
        out[side, int(delay * sample_rate)] += level * rng.choice([-1.0, 1.0])
    out *= np.clip((time[-1] - time) / (0.2 * seconds), 0, 1)
    before = np.zeros((2, int(rng.uniform(soonest, latest) * sample_rate)))
    out /= np.sqrt((out**2).sum(axis=1, keepdims=True))
    return np.concatenate([before, out], axis=1).astype(np.float32)


def reverberate(send: np.ndarray, response: np.ndarray) -> np.ndarray:
    """(2, n) room sound of a mono send (n,): overlap-add, one transform of the send for both."""
    length = 1 << (4 * response.shape[1] - 1).bit_length()
    step = length - response.shape[1] + 1
    spectrum = np.asarray(rfft(response, length, axis=1))
    out = np.zeros((2, len(send) + length), np.float32)
    for first in range(0, len(send), step):
        block = send[first : first + step]
        if block.any():
            wet = irfft(np.asarray(rfft(block, length)) * spectrum, length, axis=1)
            out[:, first : first + length] += np.asarray(wet)
    return out[:, : len(send)]


def ping_pong(send: np.ndarray, delay_samples: int, feedback: float, echoes: int) -> np.ndarray:
    """(2, n) echoes of a mono send that alternate between the sides and fade by `feedback`."""
    out = np.zeros((2, len(send)), np.float32)
    for echo in range(1, echoes + 1):
        start = echo * delay_samples
        if start >= len(send):
            break
        out[echo % 2, start:] += np.float32(feedback**echo) * send[: len(send) - start]
    return out


def duck(
    kicks_seconds: Sequence[float], depth_db: float, blocks: int, rate_hz: float
) -> np.ndarray:
    """Side-chain gain per block: down by `depth_db` at each kick, back within about 0.2 s."""
    time = np.arange(blocks) / rate_hz
    if not len(kicks_seconds):
        return np.ones(blocks, np.float32)
    kicks = np.sort(np.asarray(kicks_seconds, dtype=np.float64))
    index = np.searchsorted(kicks, time, side="right") - 1
    since = np.where(index >= 0, time - kicks[np.maximum(index, 0)], 9.0)  # 9 s: long over
    shape = np.exp(-((since / 0.13) ** 2)) * np.minimum(since / 0.004, 1)
    return (10 ** (-depth_db * shape / 20)).astype(np.float32)


def apply_gain(audio: np.ndarray, gain: np.ndarray) -> None:
    """Multiply (c, t) in place by a gain per block, interpolated; t is a whole number of blocks."""
    following = np.concatenate([gain[1:], gain[-1:]])
    ramp = np.arange(BLOCK_SAMPLES, dtype=np.float32) / BLOCK_SAMPLES
    step = 4096
    view = audio.reshape(len(audio), -1, BLOCK_SAMPLES)
    for first in range(0, len(gain), step):
        part = slice(first, first + step)
        start = gain[part, None]
        view[:, part] *= start + (following[part, None] - start) * ramp


def compressor(mix: np.ndarray, ratio: float, sample_rate: int) -> np.ndarray:
    """Gain per block: `ratio` dB off per dB above the mean level + 3 dB, 60 ms of inertia."""
    power = np.square(_blocks(mix)).mean(axis=(0, 2)) + 1e-9
    pole = np.exp(-BLOCK_SAMPLES / (0.06 * sample_rate))
    level = 10 * np.log10(np.asarray(lfilter([1 - pole], [1, -pole], power)) + 1e-9)
    sounding = level[level > level.max() - 40]
    threshold = 10 * np.log10(np.mean(10 ** (sounding / 10))) + 3
    return (10 ** (-ratio * np.maximum(level - threshold, 0) / 20)).astype(np.float32)


def limiter(mix: np.ndarray, ceiling_db: float = CEILING_DB) -> np.ndarray:
    """Gain per block that keeps every sample below the ceiling, looking ahead; else 1."""
    ceiling = decibels(ceiling_db)
    peaks = np.abs(_blocks(mix)).max(axis=(0, 2))
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    width = 2 * _LOOKAHEAD_BLOCKS + 1
    # Block i is played between gain[i] and gain[i + 1]: hold each need one block more.
    held = minimum_filter1d(needed, width + 2)
    return uniform_filter1d(held, width).astype(np.float32)


def loudness_lufs(audio: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness (ITU-R BS.1770-4) of (2, t); of long audio, of every third 3 s."""
    step = int(_LISTEN_SECONDS * sample_rate)
    if audio.shape[1] > 12 * step:
        starts = range(0, audio.shape[1] - step, 3 * step)
        audio = np.concatenate([audio[:, start : start + step] for start in starts], axis=1)
    meter = pyloudnorm.Meter(sample_rate)
    if audio.shape[1] <= meter.block_size * sample_rate:
        audio = np.pad(audio, ((0, 0), (0, step)))
    with np.errstate(divide="ignore"):
        return float(meter.integrated_loudness(audio.T))


def _blocks(audio: np.ndarray) -> np.ndarray:
    return audio.reshape(len(audio), -1, BLOCK_SAMPLES)
