"""Where a full track's time goes: python tests/bench/decode_denoise.py [MODEL] [SECONDS] [STEPS]

Denoising step by step and decoding window by window, with their shares and the peak memory.
"""

import resource
import sys
import time
from collections.abc import Sequence

import numpy as np

from longform.pipeline import Pipeline, Request
from longform.progress import Progress

PROMPT = "cinematic orchestral piece, epic, 96 BPM in D minor"


def main(arguments: Sequence[str]) -> None:
    """One run; times between progress reports belong to the stage that reported."""
    model = arguments[0] if arguments else "mini"
    seconds = float(arguments[1]) if len(arguments) > 1 else 285.0
    steps = int(arguments[2]) if len(arguments) > 2 else None
    pipeline = Pipeline.from_pretrained(model)
    loaded_mb = _peak_mb()
    reports: list[tuple[str, float]] = []

    def on_progress(progress: Progress) -> None:
        reports.append((progress.stage, time.perf_counter()))

    started = time.perf_counter()
    result = pipeline.run(
        Request(prompt=PROMPT, seconds=seconds, steps=steps), on_progress=on_progress
    )
    wall = time.perf_counter() - started
    print(f"{seconds:g} s by {model} in {wall:.2f} s: {seconds / wall:.2f} times real time")
    for stage, spent in result.timings.items():
        print(f"  {stage:<10}{spent:8.2f} s  {100 * spent / wall:5.1f} %")
    for stage in dict.fromkeys(name for name, _ in reports):
        gaps = np.diff([moment for name, moment in reports if name == stage])
        if len(gaps):
            print(f"  {stage}: {len(gaps) + 1} reports, {np.median(gaps):.3f} s each (median)")
    print(f"  memory: {loaded_mb:.0f} MB loaded, {_peak_mb():.0f} MB at most")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
