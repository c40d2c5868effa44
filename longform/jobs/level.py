"""One gain for a whole sound: loud enough, no peak above the ceiling, nothing else changed."""

import numpy as np

from longform.finish import LUFS, MAX_GAIN_DB, TRUE_PEAK_DBTP
from longform.waveform import SILENCE_DB, Waveform, from_db


def leveled(
    waveform: Waveform, lufs: float = LUFS, true_peak_dbtp: float = TRUE_PEAK_DBTP
) -> Waveform:
    """The waveform at `lufs`, or as near as the ceiling lets it; without a limiter.

    What is too short for a loudness (below 0.4 s) is brought to the ceiling.
    """
    peak_db = waveform.true_peak_db
    if peak_db <= SILENCE_DB:
        return waveform
    room_db = true_peak_dbtp - peak_db
    loudness = waveform.loudness_lufs()
    wanted_db = room_db if loudness is None else lufs - loudness
    gain_db = min(wanted_db, room_db, MAX_GAIN_DB)
    return Waveform(waveform.samples * np.float32(from_db(gain_db)), waveform.sample_rate)
