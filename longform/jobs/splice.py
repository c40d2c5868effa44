"""New audio put into a recording, at the recording's own rate and in its own channels."""

import math

import numpy as np

from longform.waveform import Waveform

FADE_SECONDS = 0.03


def aligned(made: Waveform, like: Waveform) -> Waveform:
    """`made` at the rate of `like` and cut to exactly its length; its channels stay."""
    samples = made.resampled(like.sample_rate).samples
    count = like.samples.shape[1]
    missing = count - min(samples.shape[1], count)
    return Waveform(np.pad(samples[:, :count], ((0, 0), (0, missing))), like.sample_rate)


def put(audio: np.ndarray, new: np.ndarray, start: int, fade_in: int, fade_out: int) -> np.ndarray:
    """`audio` (c, t) with `new` (c, n) at `start`; outside of start..start + n no bit changes.

    Inside, the old fades out and the new in over `fade_in` samples, and back over `fade_out`,
    with equal power, since the two are as good as uncorrelated.
    """
    stop = start + new.shape[1]
    gain = np.ones(new.shape[1])
    gain[:fade_in] = _rise(fade_in)
    gain[new.shape[1] - fade_out :] = np.minimum(
        gain[new.shape[1] - fade_out :], _rise(fade_out)[::-1]
    )
    old = audio[:, start:stop].astype(np.float64)
    mixed = new * gain + old * np.sqrt(1 - gain**2)
    joined = audio.copy()
    joined[:, start:stop] = mixed.astype(np.float32)
    return joined


def fade_samples(length: int, sample_rate: int) -> int:
    """How long a cross-fade is that leaves at least half of `length` samples alone."""
    return min(round(FADE_SECONDS * sample_rate), length // 4)


def _rise(count: int) -> np.ndarray:
    """0 to 1 along a quarter of a sine, both ends excluded."""
    return np.sin(math.pi / 2 * (np.arange(count) + 0.5) / max(count, 1))
