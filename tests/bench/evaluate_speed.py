"""What listening to a clip costs: python tests/bench/evaluate_speed.py [SECONDS]"""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from longform.audio import Waveform
from longform.train.evaluate.clips import listen
from longform.train.evaluate.key import estimate_key
from longform.train.evaluate.signal import measure_signal
from longform.train.evaluate.structure import analyse_structure, largest_seam
from longform.train.evaluate.tempo import estimate_tempo

RATE_HZ = 44_100


def main(arguments: Sequence[str]) -> None:
    """Each measurement on noise with a beat, twice; the second time is printed."""
    seconds = float(arguments[0]) if arguments else 47.0
    rng = np.random.default_rng(0)
    time_seconds = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    beat = np.exp(-8 * (time_seconds % 0.5))
    samples = 0.1 * rng.standard_normal((2, len(beat))) * beat
    waveform = Waveform(samples.astype(np.float32), RATE_HZ)
    measurements: dict[str, Callable[[Waveform], object]] = {
        "tempo": estimate_tempo,
        "key": estimate_key,
        "signal": measure_signal,
        "seam": largest_seam,
        "structure": analyse_structure,
        "all of a clip": lambda clip: listen(clip, name="bench"),
    }
    for name, measure in measurements.items():
        measure(waveform)
        started = time.perf_counter()
        measure(waveform)
        print(f"{name:<14}{time.perf_counter() - started:7.3f} s for {seconds:g} s")


if __name__ == "__main__":
    main(sys.argv[1:])
