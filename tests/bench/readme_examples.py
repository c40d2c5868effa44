"""Draw and write what `mini` makes, not picked: python tests/bench/readme_examples.py

Seeds 0 to 7 with eight prompts evenly spread over those of `longform eval generation`, a minute
each, by the installed `mini` with its defaults, become `notebooks/examples.png`, one for all,
and `notebooks/examples.ogg`, eight seconds of each from its second 24 on, in the same order. The
titles are the prompts. `notebooks/example.png` is the full track of the README's own command, with
its sections. Run it again when the weights of `mini` have changed; it takes minutes.
"""

import argparse
import re
import shlex
import sys
from pathlib import Path

import numpy as np
from readme_pictures import ROOT, Panel, draw

from longform.audio_write import write
from longform.pipeline import Pipeline, Request
from longform.train.evaluate.prompts import TestPrompt, load_prompts
from longform.waveform import Waveform

TRACKS, SECONDS = 8, 60.0
FROM_SECONDS, PART_SECONDS, FADE_SECONDS = 24.0, 8.0, 0.25


def spread(prompts: list[TestPrompt], count: int) -> list[str]:
    """Texts of `count` prompts, evenly spread over the list."""
    return [prompt.text for prompt in prompts[:: len(prompts) // count][:count]]


def part_of(track: Waveform) -> np.ndarray:
    """Some seconds of a track (channels, samples), faded at both ends."""
    rate = track.sample_rate
    start, fade = round(FROM_SECONDS * rate), round(FADE_SECONDS * rate)
    part = track.samples[:, start : start + round(PART_SECONDS * rate)].copy()
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    part[:, :fade] *= ramp
    part[:, -fade:] *= ramp[::-1]
    return part


def full_track(pipe: Pipeline) -> Panel:
    """The track of the README's command that writes example.flac."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^longform (generate .* -o example\.flac)$", readme, re.MULTILINE)
    _, text, *options = shlex.split(line)
    given = dict(zip(options[::2], options[1::2], strict=True))
    request = Request(prompt=text, seconds=float(given["--seconds"]), seed=int(given["--seed"]))
    made = pipe.run(request)
    lines = tuple((start, name) for name, start in made.facts["sections"])
    return Panel(text, made.waveform.to_channels(1), lines)


def main() -> None:
    """Make the tracks, draw them all and write a part of each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=ROOT / "notebooks")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    pipe = Pipeline.from_pretrained("mini")
    panels, parts = [], []
    for seed, text in enumerate(spread(load_prompts(), TRACKS)):
        track = pipe.generate(text, seconds=options.seconds, seed=seed)
        panels.append(Panel(f"seed {seed}   {text}", track.to_channels(1)))
        parts.append(part_of(track))
        print(f"seed {seed}: {text}", file=sys.stderr)
    draw(panels, options.out / "examples.png")
    joined = Waveform(np.concatenate(parts, axis=1), pipe.autoencoder.sample_rate)
    write(options.out / "examples.ogg", joined, overwrite=True)
    draw([full_track(pipe)], options.out / "example.png")


if __name__ == "__main__":
    main()
