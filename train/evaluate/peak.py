"""The level that stable-audio-metrics brings everything to before it listens."""

import numpy as np

from longform.audio import Waveform

PEAK_DB = -1.0


def peaked(waveform: Waveform) -> Waveform:
    """The same sound with its largest sample, over all channels, at `PEAK_DB`; silence stays."""
    largest = float(np.abs(waveform.samples).max(initial=0))
    scale = 10 ** (PEAK_DB / 20) / max(largest, 1e-9)
    return Waveform(waveform.samples * np.float32(scale), waveform.sample_rate)
