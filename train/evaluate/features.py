"""What every estimator listens to: mono audio at one rate, spectra, mel bands, pitch saliency."""

import numpy as np

from longform.audio import Waveform
from longform.mel import mel_filters

ANALYSIS_RATE_HZ = 22_050


def analysis_mono(waveform: Waveform) -> np.ndarray:
    """The mean of the channels at `ANALYSIS_RATE_HZ`, float32 `(t,)`."""
    mono = Waveform(
        samples=waveform.samples.mean(0, keepdims=True), sample_rate=waveform.sample_rate
    )
    return np.ascontiguousarray(mono.resampled(ANALYSIS_RATE_HZ).samples[0], dtype=np.float32)


def magnitudes(samples: np.ndarray, window_samples: int, hop_samples: int) -> np.ndarray:
    """Hann-windowed STFT magnitudes `(frames, window/2 + 1)` of mono `(t,)`; frames are centred.

    A full-scale sine has magnitude 1.
    """
    half = window_samples // 2
    padded = np.pad(samples.astype(np.float32, copy=False), (half, half))
    window = np.hanning(window_samples + 1)[:-1].astype(np.float32)
    window *= 2 / window.sum()
    frames = np.lib.stride_tricks.sliding_window_view(padded, window_samples)[::hop_samples]
    blocks = [
        np.abs(np.fft.rfft(frames[start : start + 256] * window, axis=1))
        for start in range(0, len(frames), 256)
    ]
    return np.concatenate(blocks).astype(np.float32, copy=False)


def log_mel(
    samples: np.ndarray, *, window_samples: int, hop_samples: int, bands: int
) -> np.ndarray:
    """Mel power in dB `(frames, bands)`, 30 Hz to 10.5 kHz, floored 80 dB under the maximum."""
    filters = mel_filters(
        sample_rate=ANALYSIS_RATE_HZ,
        fft_samples=window_samples,
        bands=bands,
        low_hz=30.0,
        high_hz=10_500.0,
    )
    power = magnitudes(samples, window_samples, hop_samples) ** 2
    decibels = 10 * np.log10(power @ filters.T + 1e-10)
    return np.maximum(decibels, decibels.max() - 80)


def pitch_saliency(
    samples: np.ndarray, *, window_samples: int, hop_samples: int, low: int, high: int
) -> np.ndarray:
    """How strongly each MIDI pitch `low..high-1` sounds, `(frames, pitches)`, tuning corrected.

    Spectral peaks (parabolic interpolation) are collected into semitones; a peak counts by how far
    it stands above its surroundings, so neither noise nor loud drums weigh much.
    """
    spectrum = magnitudes(samples, window_samples, hop_samples)
    pitch, weight, frame = _peaks(spectrum, window_samples, low, high)
    saliency = np.zeros((len(spectrum), high - low), dtype=np.float32)
    if len(pitch) == 0:
        return saliency
    # The mean angle of the peaks' offsets from the semitone grid (Dressler & Streich 2007).
    tuning = np.angle(np.sum(weight * np.exp(2j * np.pi * pitch))) / (2 * np.pi)
    pitch = pitch - tuning
    nearest = np.rint(pitch).astype(int)
    inside = (nearest >= low) & (nearest < high)
    closeness = np.cos(np.pi * (pitch - nearest)) ** 2
    np.add.at(saliency, (frame[inside], nearest[inside] - low), (weight * closeness)[inside])
    return saliency


def _peaks(
    spectrum: np.ndarray, window_samples: int, low: int, high: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch (fractional MIDI), weight and frame of every spectral peak between `low` and `high`."""
    hz_per_bin = ANALYSIS_RATE_HZ / window_samples
    first = max(int(440 * 2 ** ((low - 0.5 - 69) / 12) / hz_per_bin), 1)
    last = min(int(440 * 2 ** ((high - 0.5 - 69) / 12) / hz_per_bin) + 2, spectrum.shape[1] - 1)
    level = np.log(spectrum[:, first - 1 : last + 1] + 1e-7)
    left, middle, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    floor = max(float(level.max()) - 9.0, -11.0)  # 78 dB under the loudest bin
    frame, column = np.nonzero((middle > left) & (middle >= right) & (middle > floor))
    a, b, c = left[frame, column], middle[frame, column], right[frame, column]
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-6)
    hz = (column + first + shift) * hz_per_bin
    pitch = 69 + 12 * np.log2(hz / 440)
    weight = _prominence(middle)[frame, column] * _loudness(middle)[frame, column]
    return pitch, weight, frame


def _prominence(level: np.ndarray) -> np.ndarray:
    """Height of log magnitude above its local mean over ±1/12 of the band, at least 0."""
    from scipy.ndimage import uniform_filter1d

    size = max(level.shape[1] // 12, 9)
    return np.maximum(level - uniform_filter1d(level, size, axis=1, mode="nearest"), 0)


def _loudness(level: np.ndarray) -> np.ndarray:
    """Compressed magnitude, so that quiet passages count, but less than loud ones."""
    return np.exp(0.5 * (level - level.max()))
