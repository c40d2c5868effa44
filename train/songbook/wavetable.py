"""Band-limited wavetables that are scanned through a resonant low-pass.

A table holds one cycle per row; each row is the same oscillator behind the filter at another
cutoff. Moving the row position over time is moving the cutoff, so a filter sweep costs one table
look-up per sample and cannot alias.
"""

from functools import lru_cache

import numpy as np

ROWS = 24
_TABLE = 2048
_LOWEST_CUTOFF_HZ = 60.0
_HIGHEST_CUTOFF_HZ = 16000.0


def _harmonics(shape: str, count: int, width: float) -> np.ndarray:
    """Complex amplitudes of harmonics 1..count of a unit saw, square, pulse or triangle."""
    k = np.arange(1, count + 1)
    if shape == "saw":
        return -2j / (np.pi * k) * 0.5
    if shape == "triangle":
        return np.where(k % 2 == 1, -1j * 8 / (np.pi * k) ** 2 * np.sin(np.pi * k / 2), 0) * 0.5
    duty = 0.5 if shape == "square" else width
    return 2 / (np.pi * k) * np.sin(np.pi * k * duty) * np.exp(-1j * np.pi * k * duty)


@lru_cache(maxsize=512)
def table(shape: str, hz: float, resonance: float, width: float, sample_rate: int) -> np.ndarray:
    """(rows, cycle + 1) float32: an oscillator behind a two-pole low-pass, cutoff rising by row."""
    top = min(_HIGHEST_CUTOFF_HZ, 0.45 * sample_rate)
    count = int(np.clip(top / hz, 1, _TABLE // 4))
    k = np.arange(1, count + 1)
    cutoffs = _LOWEST_CUTOFF_HZ * (_HIGHEST_CUTOFF_HZ / _LOWEST_CUTOFF_HZ) ** (
        np.arange(ROWS) / (ROWS - 1)
    )
    ratio = k * hz / cutoffs[:, None]
    quality = 0.6 + 9 * resonance**2
    response = 1 / (1 - ratio**2 + 1j * ratio / quality)
    spectrum = np.zeros((ROWS, _TABLE // 2 + 1), np.complex128)
    spectrum[:, 1 : count + 1] = _harmonics(shape, count, width) * response
    return spectrum_table(spectrum[:, 1:])


def spectrum_table(amplitudes: np.ndarray) -> np.ndarray:
    """(rows, cycle + 1) float32: one cycle per row of complex harmonic amplitudes (rows, n)."""
    spectrum = np.zeros((len(amplitudes), _TABLE // 2 + 1), np.complex128)
    spectrum[:, 1 : amplitudes.shape[1] + 1] = amplitudes
    cycle = np.fft.irfft(spectrum, axis=1) * (_TABLE / 2)
    return np.concatenate([cycle, cycle[:, :1]], axis=1).astype(np.float32)


def row_of(cutoff_hz: np.ndarray | float) -> np.ndarray:
    """Row position of a cutoff in hertz."""
    span = np.log(_HIGHEST_CUTOFF_HZ / _LOWEST_CUTOFF_HZ)
    position = np.log(np.maximum(cutoff_hz, 1.0) / _LOWEST_CUTOFF_HZ) / span * (ROWS - 1)
    return np.clip(position, 0, ROWS - 1.001).astype(np.float32)


def scan(cycles: np.ndarray, phase: np.ndarray, row: np.ndarray | float) -> np.ndarray:
    """Read a table at `phase` (in cycles, (n,)) and fractional `row`; linear both ways. (n,)."""
    position = (phase - np.floor(phase)) * _TABLE
    index = position.astype(np.intp)  # gathering by machine words is twice as fast as by int32
    part = (position - index).astype(np.float32)
    index &= _TABLE - 1  # a phase just below zero rounds to one whole cycle
    if np.ndim(row) == 0:
        low = int(row)
        line = cycles[low] + np.float32(row - low) * (cycles[low + 1] - cycles[low])
        return line[index] + part * (line[index + 1] - line[index])
    flat, width = cycles.ravel(), _TABLE + 1
    lower = np.asarray(row).astype(np.intp)
    across = (row - lower).astype(np.float32)
    index += lower * width
    first = flat[index] + part * (flat[index + 1] - flat[index])
    index += width
    second = flat[index] + part * (flat[index + 1] - flat[index])
    return first + across * (second - first)


def sine(cycles: np.ndarray) -> np.ndarray:
    """float32 sine of a phase in cycles.

    Wrapped first: the sine of small float32 numbers is 20 times faster than that of large float64.
    """
    return np.sin((2 * np.pi * (cycles - np.floor(cycles))).astype(np.float32))
