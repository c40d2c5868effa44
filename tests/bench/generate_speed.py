"""How generation's cost follows length: python tests/bench/generate_speed.py [MODEL] [SECONDS ...]

For every length: wall time, the share of each stage, seconds of audio per second, and the cost of
denoising and decoding relative to the longest. 10 s should cost under a tenth of 285 s.
"""

import sys
import time
from collections.abc import Sequence

import torch

from longform.pipeline import Pipeline, Request

PROMPT = "synthwave, neon night drive, 104 BPM, A minor"


def main(arguments: Sequence[str]) -> None:
    """Time each length once, after a short run that warms everything up."""
    model = arguments[0] if arguments else "mini"
    lengths = [float(text) for text in arguments[1:]] or [3.0, 10.0, 47.0, 120.0, 285.0]
    started = time.perf_counter()
    pipeline = Pipeline.from_pretrained(model)
    wall = time.perf_counter() - started
    print(f"{model}: loaded in {wall:.1f} s, {torch.get_num_threads()} threads")
    pipeline.run(Request(prompt=PROMPT, seconds=3.0))
    runs = [(seconds, *_timed(pipeline, seconds)) for seconds in sorted(lengths)]
    longest = runs[-1][2]["denoise"] + runs[-1][2]["decode"]
    print("seconds     wall  denoise   decode    other  x real time  of the longest")
    for seconds, wall, stages in runs:
        denoise, decode = stages["denoise"], stages["decode"]
        print(
            f"{seconds:7g} {wall:7.2f}s {denoise:7.2f}s {decode:7.2f}s "
            f"{wall - denoise - decode:7.2f}s {seconds / wall:12.2f} "
            f"{(denoise + decode) / longest:15.3f}"
        )


def _timed(pipeline: Pipeline, seconds: float) -> tuple[float, dict[str, float]]:
    started = time.perf_counter()
    result = pipeline.run(Request(prompt=PROMPT, seconds=seconds))
    return time.perf_counter() - started, result.timings


if __name__ == "__main__":
    main(sys.argv[1:])
