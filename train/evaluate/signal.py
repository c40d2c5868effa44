"""Facts about a signal that need no music theory: is it silent, clipped, noise, truly stereo?"""

from dataclasses import dataclass

import numpy as np

from longform.audio import Waveform
from longform.train.evaluate.features import ANALYSIS_RATE_HZ, analysis_mono, magnitudes

SILENT_DB = -60.0
CLIP_LEVEL = 0.9995
CLIP_RUN_SAMPLES = 3
STATIC_FLATNESS = 0.25
STATIC_SWING_DB = 3.0


@dataclass(frozen=True, kw_only=True)
class SignalFacts:
    """Measured on the whole waveform; levels in dBFS, times in seconds.

    Attributes:
        silent: half or more of the 50 ms frames lie under `SILENT_DB`.
        clipped: there is a run of `CLIP_RUN_SAMPLES` samples at or beyond ±`CLIP_LEVEL`.
        static: broadband noise that does not move: the median spectral flatness (200 Hz to 8 kHz,
            sounding frames) exceeds `STATIC_FLATNESS` (white noise 0.56, songbook music up to
            0.13), and the level of the median band swings by less than `STATIC_SWING_DB`
            (standard deviation; white noise 1 dB, songbook music 7 dB and more).
        correlation: of left and right over everything; 1 mono, 0 unrelated, -1 opposed.
        side_db: energy of (L-R)/2 relative to (L+R)/2.
        bass_correlation: of left and right below 150 Hz; negative bass vanishes in mono.
    """

    seconds: float
    peak_db: float
    rms_db: float
    sounding_share: float
    tail_silence_seconds: float
    clipped_runs: int
    dc: float
    flatness: float
    swing_db: float
    correlation: float
    side_db: float
    bass_correlation: float

    @property
    def silent(self) -> bool:
        return self.sounding_share < 0.5

    @property
    def clipped(self) -> bool:
        return self.clipped_runs > 0

    @property
    def static(self) -> bool:
        steady = self.flatness > STATIC_FLATNESS and self.swing_db < STATIC_SWING_DB
        return steady and not self.silent

    @property
    def stereo_correct(self) -> bool:
        """Two channels that differ, do not cancel in mono and agree in the bass."""
        return self.side_db > -40 and self.correlation > 0 and self.bass_correlation > 0


def measure_signal(waveform: Waveform) -> SignalFacts:
    """All `SignalFacts` of a mono or stereo waveform; finite for any finite input."""
    samples = waveform.samples
    levels = frame_levels_db(waveform)
    sounding = levels > SILENT_DB
    flatness, swing_db = _noisiness(analysis_mono(waveform))
    left, right = samples[0], samples[-1]
    middle, side = (left + right) / 2, (left - right) / 2
    return SignalFacts(
        seconds=round(waveform.seconds, 4),
        peak_db=_db(float(np.abs(samples).max(initial=0.0))),
        rms_db=_db(float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))),
        sounding_share=round(float(sounding.mean()), 4),
        tail_silence_seconds=tail_silence_seconds(levels),
        clipped_runs=clipped_runs(samples),
        dc=round(float(np.abs(samples.mean(1, dtype=np.float64)).max()), 6),
        flatness=flatness,
        swing_db=swing_db,
        correlation=_correlation(left, right),
        side_db=max(round(_db(_rms(side)) - _db(_rms(middle)), 2), -120.0),
        bass_correlation=_correlation(*_below(samples[[0, -1]], 150.0, waveform.sample_rate)),
    )


FRAME_SECONDS = 0.05


def frame_levels_db(waveform: Waveform) -> np.ndarray:
    """RMS of each `FRAME_SECONDS`, the louder channel, dBFS `(frames,)`; at least one frame."""
    samples = waveform.samples
    size = max(int(FRAME_SECONDS * waveform.sample_rate), 1)
    count = max(-(-samples.shape[1] // size), 1)
    padded = np.pad(samples, ((0, 0), (0, count * size - samples.shape[1])))
    power = (padded.reshape(len(samples), count, size).astype(np.float64) ** 2).mean(2)
    return 10 * np.log10(power.max(0) + 1e-12)


def tail_silence_seconds(levels_db: np.ndarray) -> float:
    """Seconds under `SILENT_DB` at the end of `frame_levels_db`."""
    sounding = np.flatnonzero(levels_db > SILENT_DB)
    last = sounding[-1] + 1 if len(sounding) else 0
    return round((len(levels_db) - int(last)) * FRAME_SECONDS, 3)


def clipped_runs(samples: np.ndarray) -> int:
    """Runs of at least `CLIP_RUN_SAMPLES` consecutive samples at full scale, over all channels."""
    count = 0
    for channel in samples:
        full = np.concatenate([[0], (np.abs(channel) >= CLIP_LEVEL).astype(np.int8), [0]])
        edges = np.diff(full)
        lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        count += int((lengths >= CLIP_RUN_SAMPLES).sum())
    return count


def _noisiness(mono: np.ndarray) -> tuple[float, float]:
    """Median spectral flatness of sounding frames, and how much the median band's level moves."""
    window = 2048
    if len(mono) < window:
        return 0.0, 0.0
    power = magnitudes(mono, window, window // 2) ** 2
    hz = np.fft.rfftfreq(window, 1 / ANALYSIS_RATE_HZ)
    power = power[:, (hz >= 200) & (hz <= 8000)].astype(np.float64) + 1e-14
    power = power[power.mean(1) > 1e-4 * power.mean(1).max()]
    flatness = np.exp(np.log(power).mean(1)) / power.mean(1)
    bands = np.stack([band.mean(1) for band in np.array_split(power, 24, axis=1)], axis=1)
    swing_db = np.median((10 * np.log10(bands)).std(0))
    return round(float(np.median(flatness)), 4), round(float(swing_db), 2)


def _below(pair: np.ndarray, hz: float, rate_hz: int) -> np.ndarray:
    from scipy.signal import butter, sosfilt

    return np.asarray(sosfilt(butter(4, hz, fs=rate_hz, output="sos"), pair, axis=1))


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Of two signals around zero; 1 where either is silent, since nothing then disagrees."""
    scale = _rms(left) * _rms(right)
    if scale < 1e-10:
        return 1.0
    return round(float(np.mean(left.astype(np.float64) * right) / scale), 4)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _db(amplitude: float) -> float:
    return round(20 * float(np.log10(max(amplitude, 1e-6))), 2)
