"""Loudness (ITU-R BS.1770-4) and true peaks, on blocks of a few samples: quick, and per moment.

Everything works on samples (c, t); a block is `BLOCK` consecutive samples, the last one padded
with zeros. Channel order is left, right, centre, left surround, right surround.
"""

import math
from functools import cache

import numpy as np

BLOCK = 32
OVERSAMPLING = 4
_TAPS = 32  # of each phase of the interpolator; annex 2 of BS.1770-4 asks for 12
_CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)
_GATE_SECONDS, _HOP_SECONDS = 0.4, 0.1
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_CHUNK = 8_192 * BLOCK


def block_count(samples: np.ndarray) -> int:
    """How many blocks (c, t) samples have."""
    return -(-samples.shape[1] // BLOCK)


def block_energies(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """K-weighted energy of each block, summed over channels, float64 (blocks,)."""
    from scipy.signal import sosfilt

    if samples.shape[0] > len(_CHANNEL_WEIGHTS):
        raise ValueError(f"loudness is defined for up to 5 channels, not {samples.shape[0]}")
    weights = np.array(_CHANNEL_WEIGHTS[: samples.shape[0]])
    sections = _k_weighting(sample_rate)
    state = np.zeros((len(sections), samples.shape[0], 2))
    energies = np.zeros(block_count(samples))
    for start in range(0, samples.shape[1], _CHUNK):
        piece = samples[:, start : start + _CHUNK]
        weighted, state = sosfilt(sections, piece, axis=1, zi=state)
        blocks = np.pad(weighted, ((0, 0), (0, -piece.shape[1] % BLOCK)))
        blocks = blocks.reshape(len(samples), block_count(piece), BLOCK)
        sums = weights @ np.einsum("cbi,cbi->cb", blocks, blocks)
        energies[start // BLOCK :][: len(sums)] = sums
    return energies


def integrated_lufs(energies: np.ndarray, samples: int, sample_rate: int) -> float | None:
    """Gated loudness of `block_energies` of `samples` samples; None if it is silent or < 0.4 s.

    Overlapping blocks of 0.4 s count when they are above -70 LUFS and above the mean of those
    less 10 LU (BS.1770-4, annex 1, equations 3 to 7).
    """
    seconds = samples / sample_rate
    if seconds < _GATE_SECONDS:
        return None
    count = round((seconds - _GATE_SECONDS) / _HOP_SECONDS) + 1
    starts = np.floor(np.arange(count) * _HOP_SECONDS * sample_rate)
    ends = np.floor(np.arange(count) * _HOP_SECONDS * sample_rate + _GATE_SECONDS * sample_rate)
    so_far = np.concatenate([[0.0], np.cumsum(energies)])
    edges = np.arange(len(so_far)) * BLOCK
    total = np.interp(ends, edges, so_far) - np.interp(starts, edges, so_far)
    power = np.maximum(total, 0) / (_GATE_SECONDS * sample_rate)
    power = power[power > _power(_ABSOLUTE_GATE_LUFS)]
    if len(power) == 0:
        return None
    above = power > power.mean() * 10 ** (_RELATIVE_GATE_LU / 10)
    return float(-0.691 + 10 * np.log10(power[above].mean()))


def block_true_peaks(samples: np.ndarray, within_db: float = math.inf) -> np.ndarray:
    """Largest magnitude in each block, between the samples too, over all channels, (blocks,).

    Blocks that cannot come within `within_db` of the largest sample, since none near is half as
    large as that, get their largest sample, which costs next to nothing.
    """
    peaks = _block_peaks(samples)
    if len(peaks) == 0:
        return peaks
    above = peaks.max(initial=0.0) * 10 ** (-within_db / 20)
    near = np.maximum(peaks, np.maximum(np.roll(peaks, 1), np.roll(peaks, -1)))
    rows = np.flatnonzero(near >= 0.5 * above)
    matrix, half = _interpolator(), _TAPS // 2
    for channel in samples.astype(np.float32, copy=False):
        padded = np.pad(channel, (half, half + len(peaks) * BLOCK - len(channel)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, BLOCK + _TAPS)[::BLOCK]
        for start in range(0, len(rows), 4_096):
            some = rows[start : start + 4_096]
            between = matrix @ windows[some].T
            largest = np.maximum(between.max(axis=0), -between.min(axis=0))
            peaks[some] = np.maximum(peaks[some], largest)
    return peaks


def true_peak(samples: np.ndarray) -> float:
    """Largest magnitude of (c, t) samples, between them too."""
    return float(block_true_peaks(samples, within_db=0.0).max(initial=0.0))


def _block_peaks(samples: np.ndarray) -> np.ndarray:
    """Largest magnitude among the samples of each block, over all channels, float32 (blocks,)."""
    largest = np.abs(samples).max(axis=0).astype(np.float32)
    largest = np.pad(largest, (0, -len(largest) % BLOCK)).reshape(block_count(samples), BLOCK)
    while largest.shape[1] > 1:  # halves at a time: many short rows are slow to reduce
        half = largest.shape[1] // 2
        largest = np.maximum(largest[:, :half], largest[:, half:])
    return largest[:, 0]


@cache
def _k_weighting(sample_rate: int) -> np.ndarray:
    """Second-order sections of the K-weighting, as pyloudnorm designs them for any rate."""
    import pyloudnorm

    stages = (
        pyloudnorm.IIRfilter(4.0, math.sqrt(0.5), 1500.0, sample_rate, "high_shelf"),
        pyloudnorm.IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass"),
    )
    return np.array([np.concatenate([one.b, one.a]) for one in stages])


@cache
def _interpolator() -> np.ndarray:
    """Matrix (3 BLOCK, BLOCK + taps): the values at 1/4, 1/2 and 3/4 after each sample of a block.

    Each row is a sinc under a Kaiser window (beta 7), with unit gain at 0 Hz.
    """
    half = _TAPS // 2
    matrix = np.zeros((BLOCK * (OVERSAMPLING - 1), BLOCK + _TAPS))
    for phase in range(1, OVERSAMPLING):
        distance = np.arange(1 - half, half + 1) - phase / OVERSAMPLING
        window = np.i0(7.0 * np.sqrt(np.maximum(1 - (distance / half) ** 2, 0)))
        taps = np.sinc(distance) * window
        taps /= taps.sum()
        for sample in range(BLOCK):
            matrix[(phase - 1) * BLOCK + sample, sample + 1 : sample + 1 + _TAPS] = taps
    return matrix.astype(np.float32)


def _power(lufs: float) -> float:
    return 10 ** ((lufs + 0.691) / 10)
