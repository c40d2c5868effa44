"""What gives a style its tone: saturation, equaliser, width, mono bass, tape, opening filters.

All but the saturation is linear, so that stems which are shaped alike still sum to the mix; the
saturation is that of a single track.
"""

from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfilt

from longform.train.songbook.profiles import MixProfile

MONO_BELOW_HZ = 120.0
_KNEE = np.float32(0.35)  # of full scale, where saturation is felt
_WOW_HZ, _FLUTTER_HZ = 0.7, 6.3


def saturate(audio: np.ndarray, drive: float) -> None:
    """Round the peaks off in place; 0 is clean, 1 warm, 2 hot. Soft sounds stay as they are."""
    if drive <= 0:
        return
    bent = np.square(audio)
    bent *= np.float32((drive / _KNEE) ** 2)
    bent += 1
    np.sqrt(bent, out=bent)
    audio /= bent


def shape(audio: np.ndarray, profile: MixProfile, sample_rate: int) -> None:
    """Tone, width and tape of a style, in place; the bass ends up in the middle. (2, t)."""
    middle = 0.5 * (audio[0] + audio[1])
    side = np.float32(0.5 * profile.width) * (audio[0] - audio[1])
    mono, tone = _filters(profile, sample_rate)
    side = np.asarray(sosfilt(mono, side), np.float32)
    if len(tone):
        middle = np.asarray(sosfilt(tone, middle), np.float32)
        side = np.asarray(sosfilt(tone, side), np.float32)
    np.add(middle, side, out=audio[0])
    np.subtract(middle, side, out=audio[1])
    if profile.wow_seconds:
        _wow(audio, profile.wow_seconds, sample_rate)


def open_filter(part: np.ndarray, sample_rate: int) -> None:
    """In place: a low-pass that opens from a few hundred hertz until all is through. (2, t)."""
    count = part.shape[1]
    if not count:
        return
    share = np.linspace(0, 1, count, dtype=np.float32)
    closing = np.clip(1 - np.arange(count, dtype=np.float32) / (0.05 * sample_rate), 0, 1)
    whole = np.maximum(closing, np.clip(2 * share - 1, 0, 1) ** 1.5)
    half = np.clip(2.2 * share, 0, 1)
    low, middle = (
        np.asarray(sosfilt(_low_pass(hz, sample_rate), part, axis=1), np.float32)
        for hz in (350.0, 1600.0)
    )
    dulled = low + half * (middle - low)
    part[:] = dulled + whole * (part - dulled)


def _wow(audio: np.ndarray, depth_seconds: float, sample_rate: int) -> None:
    """Tape that does not run evenly: a slow and a fast wobble of time, in place."""
    count = audio.shape[1]
    time = np.arange(count) / sample_rate
    late = 0.5 - 0.5 * np.cos(2 * np.pi * _WOW_HZ * time)
    late += 0.04 * np.sin(2 * np.pi * _FLUTTER_HZ * time)
    place = np.clip(np.arange(count) - depth_seconds * sample_rate * late, 0, count - 1)
    index = np.minimum(place.astype(np.intp), count - 2)
    part = (place - index).astype(np.float32)
    for side in audio:
        side[:] = side[index] + part * (side[index + 1] - side[index])


@lru_cache(maxsize=64)
def _filters(profile: MixProfile, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The high-pass of the side, and the equaliser of both as second-order sections."""
    mono = butter(4, MONO_BELOW_HZ, "high", fs=sample_rate, output="sos")
    sections = []
    if profile.low_db:
        sections.append(_shelf(130.0, profile.low_db, sample_rate, high=False))
    if profile.high_db:
        sections.append(_shelf(5000.0, profile.high_db, sample_rate, high=True))
    tone = np.array(sections).reshape(-1, 6)
    if profile.low_pass_hz:
        tone = np.concatenate([tone, _low_pass(profile.low_pass_hz, sample_rate)])
    return np.asarray(mono, np.float32), np.asarray(tone, np.float32)


@lru_cache(maxsize=16)
def _low_pass(hz: float, sample_rate: int) -> np.ndarray:
    return np.asarray(butter(2, hz, "low", fs=sample_rate, output="sos"), np.float32)


def _shelf(hz: float, gain_db: float, sample_rate: int, *, high: bool) -> list[float]:
    """A shelving filter of slope 1 (Bristow-Johnson, "Cookbook formulae for audio EQ", 1998)."""
    gain, angle = 10 ** (gain_db / 40), 2 * np.pi * hz / sample_rate
    turn = -1 if high else 1
    cosine, alpha = turn * np.cos(angle), np.sin(angle) / np.sqrt(2) * 2 * np.sqrt(gain)
    more, less = gain + 1, gain - 1
    b = (gain * (more - less * cosine + alpha), 2 * turn * gain * (less - more * cosine))
    a = (more + less * cosine + alpha, -2 * turn * (less + more * cosine))
    b2, a2 = gain * (more - less * cosine - alpha), more + less * cosine - alpha
    return [b[0] / a[0], b[1] / a[0], b2 / a[0], 1.0, a[1] / a[0], a2 / a[0]]
