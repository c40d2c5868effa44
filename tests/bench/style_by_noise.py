"""At which noise a denoiser loses the style that is asked: python tests/bench/style_by_noise.py

One piece of every style is composed and rendered, encoded, put under noise of several levels
(sigma / alpha), and denoised from there, told its own plan and the name of its style. For each
level: how often CLAP names the style, first and among three, and the mean cosine with it. What is
lost between two levels is lost there; "round trip" is the autoencoder alone, and the highest level
starts from noise alone. `--teacher` asks the guided teacher in place of the student.
"""

import argparse
import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from longform.clap.reader import ClapReader
from longform.music.plan import Plan
from longform.pipeline import Pipeline, Request
from longform.train.evaluate.zeroshot import STYLE_NAMES, embed_words, style_probabilities
from longform.train.songbook.compose import compose
from longform.train.songbook.render import render
from longform.waveform import Waveform

LEVELS = (0.3, 0.9, 2.7, 8.0, 25.0)
SECONDS = 24.0


def steps_from(pipe: Pipeline, level: float) -> int:
    """As many steps as the sampler's whole way has below `level`."""
    low, high = pipe.defaults.sigma_min, pipe.defaults.sigma_max
    share = math.log(level / low) / math.log(high / low)
    return max(2, 1 + round((pipe.defaults.steps - 1) * share))


@torch.inference_mode()
def denoised(pipe: Pipeline, request: Request, plan: Plan, latents: Tensor) -> list[Waveform]:
    """`latents` (d, f) denoised from under each noise of `LEVELS`, and from noise alone."""
    condition, null = pipe.condition(request, SECONDS, plan, pipe.planned(plan, SECONDS))
    noise = pipe.noise(request, 0, pipe.span(SECONDS))
    found = []
    for level in (*LEVELS, None):
        begin = {} if level is None else {"init": latents[None], "sigma_max": level}
        steps = None if level is None else steps_from(pipe, level)
        settings = pipe.settle(replace(request, steps=steps))
        guided = pipe.guided(condition, null, settings)
        made = pipe.denoise(guided, noise, request, settings, **begin)
        found.append(pipe.decode(made[0], seconds=SECONDS))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--teacher", action="store_true")
    parser.add_argument("--pieces", type=int, default=len(STYLE_NAMES))
    options = parser.parse_args()
    teacher = Pipeline.from_pretrained(options.model)
    pipe = teacher if options.teacher or teacher.student is None else teacher.student
    reader = teacher.encode_text
    assert isinstance(reader, ClapReader), "this model has no CLAP"
    words = embed_words(teacher.bundle.clap(), teacher.bundle.tokenizer())
    names = [f"{level:g}" for level in LEVELS] + [f"{pipe.defaults.sigma_max:g}, noise alone"]
    rows: dict[str, list[tuple[bool, bool, float]]] = {}

    def judge(name: str, style: str, wave: Waveform) -> None:
        heard = np.asarray(reader.hear(wave))[None]
        shares, asked = style_probabilities(heard, words)[0], STYLE_NAMES.index(style)
        rank = int((shares > shares[asked]).sum())
        rows.setdefault(name, []).append(
            (rank == 0, rank < 3, float(heard[0] @ words.styles[asked]))
        )

    for seed, style in enumerate(STYLE_NAMES[: options.pieces]):
        request = Request(prompt=style, seconds=SECONDS, seed=seed, no_planner=True)
        plan = pipe.plan(request, SECONDS)
        assert plan is not None
        rendered = render(compose(plan))
        wave = Waveform(np.asarray(rendered.mix, np.float32), rendered.sample_rate)
        latents = pipe.encode(wave)[:, : pipe.span(SECONDS)]
        judge("recording", style, wave)
        judge("round trip", style, pipe.decode(latents, seconds=SECONDS))
        for name, wave in zip(names, denoised(pipe, request, plan, latents), strict=True):
            judge(name, style, wave)
    print(f"{len(rows['recording'])} pieces       first   top 3  cosine")
    for name, found in rows.items():
        first, three, cosine = np.mean(np.array(found, float), axis=0)
        print(f"{name:18s} {first:6.1%}  {three:6.1%}  {cosine:6.3f}")


if __name__ == "__main__":
    main()
