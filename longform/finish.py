"""The last touch: an ending that rings out, the loudness that was asked for, and no peak above it.

Loudness is BS.1770-4. What sticks out above the true-peak ceiling then is held down by a
look-ahead limiter, so that a few loud transients do not turn the whole piece down.
"""

from dataclasses import dataclass

import numpy as np

from longform.errors import UserError
from longform.loudness import (
    BLOCK,
    block_energies,
    block_true_peaks,
    integrated_lufs,
    true_peak,
)
from longform.waveform import Waveform, from_db, to_db

LUFS = -14.0
TRUE_PEAK_DBTP = -1.0
RING_SECONDS = 1.5  # untouched after the last bar
RELEASE_SECONDS = 1.0  # then faded
SILENCE_SECONDS = 0.5  # then nothing, up to the end
FULL_ENDING_SECONDS = 10.0  # shorter pieces have a proportionally shorter ending
EDGE_SECONDS = 0.02
MAX_GAIN_DB = 24.0  # nothing is turned up more than this: it would be noise
MAX_LIMITING_DB = 18.0  # transients are held down by no more than this; loudness gives way
LUFS_RANGE = (-60.0, -5.0)
TRUE_PEAK_RANGE_DBTP = (-20.0, 0.0)
_LOOKAHEAD_SECONDS = 0.003
_RECOVERY_SECONDS = 0.08
_TOLERANCE_LU = 0.02
MAX_CORRECTIONS = 8


@dataclass(frozen=True, kw_only=True)
class Finishing:
    """Settings of `finish` that do not depend on the piece.

    Raises:
        UserError: a level that no piece should have.
    """

    lufs: float | None = LUFS
    true_peak_dbtp: float = TRUE_PEAK_DBTP
    fade_in_seconds: float = 0.0
    fade_out_seconds: float = EDGE_SECONDS

    def __post_init__(self) -> None:
        _check("lufs", self.lufs, LUFS_RANGE)
        _check("true peak", self.true_peak_dbtp, TRUE_PEAK_RANGE_DBTP)
        for seconds in (self.fade_in_seconds, self.fade_out_seconds):
            _check("fade", seconds, (0.0, 60.0))


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The finished waveform and what was done; "before" is after fading and before any gain.

    Attributes:
        lufs_before, lufs_after: integrated loudness; None for silence and for less than 0.4 s.
        true_peak_before_dbtp, true_peak_after_dbtp: 4 times oversampled.
        gain_db: what the whole was turned up (or down) by.
        limited_db: the most that the limiter held a moment down by, 0 or more.
    """

    waveform: Waveform
    lufs_before: float | None
    lufs_after: float | None
    true_peak_before_dbtp: float
    true_peak_after_dbtp: float
    gain_db: float
    limited_db: float

    def facts(self) -> dict[str, float | None]:
        """Everything but the waveform, rounded to 0.01 dB."""
        names = ("lufs_before", "lufs_after", "true_peak_before_dbtp", "true_peak_after_dbtp")
        values = {name: getattr(self, name) for name in (*names, "gain_db", "limited_db")}
        return {name: None if one is None else round(one, 2) for name, one in values.items()}


def ending_seconds(seconds: float) -> float:
    """How much of a piece of `seconds` a whole ending takes: ring, fade and silence."""
    return (RING_SECONDS + RELEASE_SECONDS + SILENCE_SECONDS) * _ending_scale(seconds)


def finish(
    waveform: Waveform,
    *,
    lufs: float | None = LUFS,
    true_peak_dbtp: float = TRUE_PEAK_DBTP,
    fade_in_seconds: float = 0.0,
    fade_out_seconds: float = EDGE_SECONDS,
    end_seconds: float | None = None,
) -> Finished:
    """Fade, level and limit a piece; exactly as long as before, and the same for the same samples.

    Args:
        waveform: any length, 1 to 5 channels.
        lufs: the loudness to reach; None leaves the level alone, and only limits.
        true_peak_dbtp: no value, between the samples too, is above this.
        fade_in_seconds, fade_out_seconds: at the very ends of the file; 0 for a loop.
        end_seconds: where the music ends when that is before the file does. It rings out for about
            two seconds, then fades to digital silence, `SILENCE_SECONDS` before the end at the
            latest; pieces under 10 s have proportionally less of all that.
    """
    faded = waveform.samples * _fades(waveform, fade_in_seconds, fade_out_seconds, end_seconds)
    count, rate = faded.shape[1], waveform.sample_rate
    energies = block_energies(faded, rate)
    before = integrated_lufs(energies, count, rate)
    peaks = block_true_peaks(faded, within_db=MAX_LIMITING_DB)
    peak_before, ceiling = float(peaks.max(initial=0.0)), from_db(true_peak_dbtp)
    most_db = min(MAX_GAIN_DB, MAX_LIMITING_DB - to_db(peak_before / ceiling))
    gain_db = min(0.0, most_db)
    if before is not None and lufs is not None:
        gain_db = _gain_db(energies, peaks, count, rate, lufs - before, most_db, ceiling)
    held_db = held_down_db(peaks * from_db(gain_db), ceiling, rate)
    samples = faded * _gains(held_db, gain_db, count)
    peak_after = true_peak(samples)
    if peak_after > ceiling:  # a changing gain adds hundredths of a decibel between the samples
        samples *= np.float32(ceiling / peak_after)
        peak_after = ceiling
    return Finished(
        waveform=Waveform(samples, rate),
        lufs_before=before,
        lufs_after=integrated_lufs(block_energies(samples, rate), count, rate),
        true_peak_before_dbtp=to_db(peak_before),
        true_peak_after_dbtp=to_db(peak_after),
        gain_db=gain_db,
        limited_db=float(held_db.max(initial=0.0)),
    )


def held_down_db(peaks: np.ndarray, ceiling: float, sample_rate: int) -> np.ndarray:
    """How far each block must be turned down, smoothly, so that no peak exceeds the ceiling.

    Each block asks for 20 log10(peak / ceiling) dB. A demand is met `_LOOKAHEAD_SECONDS` early and
    decays exponentially, to 1/e in `_RECOVERY_SECONDS`; the sum is smoothed by a window that is no
    longer than the look-ahead, so that what any block asked for is still given in full.

    Args:
        peaks: (blocks,), from `longform.loudness.block_true_peaks`.
        ceiling: as an amplitude.

    Returns:
        Decibels, 0 or more, at the centre of each block; (blocks,).
    """
    asked_db = 20 * np.log10(np.maximum(peaks.astype(np.float64) / ceiling, 1.0))
    if not asked_db.any():
        return asked_db
    from scipy.ndimage import maximum_filter1d

    block_seconds = BLOCK / sample_rate
    half = max(round(_LOOKAHEAD_SECONDS / block_seconds), 1)
    # d[n] = max over k <= n of asked[k] exp(-(n - k) / tau), as one running maximum of logarithms.
    decay = np.arange(len(asked_db)) * (block_seconds / _RECOVERY_SECONDS)
    with np.errstate(divide="ignore"):
        held = np.exp(np.maximum.accumulate(np.log(asked_db) + decay) - decay)
    early = maximum_filter1d(held, 2 * (half + 1) + 1, mode="nearest")
    window = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(early, half, mode="edge"), window / window.sum(), mode="valid")


def _gain_db(
    energies: np.ndarray,
    peaks: np.ndarray,
    count: int,
    rate: int,
    wanted_db: float,
    most_db: float,
    ceiling: float,
) -> float:
    """The gain after which the limited piece is `wanted_db` louder, but never above `most_db`.

    Limiting takes loudness away, so the gain is corrected by what is missing, a few times; a
    limiter's gain changes slowly enough to be applied to K-weighted energies.
    """
    before = integrated_lufs(energies, count, rate)
    gain_db, missing_db = 0.0, wanted_db
    for _ in range(MAX_CORRECTIONS):
        gain_db = min(gain_db + missing_db, most_db)
        held_db = held_down_db(peaks * from_db(gain_db), ceiling, rate)
        after = integrated_lufs(energies * 10 ** ((gain_db - held_db) / 10), count, rate)
        if before is None or after is None or gain_db == most_db:
            break
        missing_db = wanted_db - (after - before)
        if abs(missing_db) < _TOLERANCE_LU:
            break
    return gain_db


def _gains(held_db: np.ndarray, gain_db: float, count: int) -> np.ndarray:
    """Gain of each sample (t,), straight lines between the centres of the blocks; float32."""
    at_centre = (10 ** ((gain_db - held_db) / 20)).astype(np.float32)
    if not held_db.any():
        return np.full(count, from_db(gain_db), np.float32)
    ends = np.concatenate([at_centre[:1], at_centre, at_centre[-1:]])
    ramp = (np.arange(BLOCK, dtype=np.float32) + 0.5) / BLOCK
    lines = ends[:-1, None] + np.diff(ends)[:, None] * ramp
    return lines.ravel()[BLOCK // 2 :][:count]


def _fades(
    waveform: Waveform, fade_in_seconds: float, fade_out_seconds: float, end_seconds: float | None
) -> np.ndarray:
    """Factors 0..1 for each sample (t,): raised cosines at the ends, silence after the music."""
    rate, count = waveform.sample_rate, waveform.samples.shape[1]
    factors = np.ones(count, np.float32)
    start = min(round(fade_in_seconds * rate), count)
    factors[:start] *= _rise(start)
    length, stop = round(fade_out_seconds * rate), count
    if end_seconds is not None:
        scale = _ending_scale(waveform.seconds)
        latest_seconds = waveform.seconds - SILENCE_SECONDS * scale
        stop_seconds = end_seconds + (RING_SECONDS + RELEASE_SECONDS) * scale
        stop = round(min(stop_seconds, latest_seconds) * rate)
        length = round(RELEASE_SECONDS * scale * rate)
    length = min(length, stop)
    factors[stop - length : stop] *= _rise(length)[::-1]
    factors[stop:] = 0.0
    return factors


def _ending_scale(seconds: float) -> float:
    return min(seconds / FULL_ENDING_SECONDS, 1.0)


def _rise(count: int) -> np.ndarray:
    """Half a raised cosine, 0 at the first sample; (count,) float32."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(count) / max(count, 1))).astype(np.float32)


def _check(name: str, value: float | None, limits: tuple[float, float]) -> None:
    if value is not None and not limits[0] <= value <= limits[1]:
        raise UserError(f"{name} {value:g} is outside {limits[0]:g}..{limits[1]:g}")
