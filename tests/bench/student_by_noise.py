"""How much of its teacher's guidance a student has: python tests/bench/student_by_noise.py CONFIG

Held-out pieces under the noise that each step of the sampler begins at, in the run of the YAML file
CONFIG (its latents, teacher and guidance). For each level: the squared distance between what the
student of `--model` and its guided teacher say, what guidance itself is worth (guided against
conditioned), and how far along that difference the student is, 0 to 1; then what guidance by words
alone is worth (the guide of the plan kept in the unconditional branch), how far along it the
student is, and how far its teacher, whom the guide leads elsewhere; and all that once more where
the student itself arrives from noise alone, in place of a noised piece.
"""

import argparse
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from longform.config import load_yaml
from longform.dit import flow
from longform.dit.distill import crossed, ddim, velocity_towards
from longform.dit.guidance import Denoise, Guidance, guided
from longform.train.pack import read_part
from longform.train.student import StudentTrainee, StudentTraining
from longform.train.trainee import Draw

MOST_PIECES = 16


def levels(config: StudentTraining) -> list[float]:
    """Where the steps of the sampler begin, and the 0 where the last one ends."""
    low, high = config.sigma_min, config.sigma_max
    return [float(level) for level in np.geomspace(high, low, config.steps)] + [0.0]


def along(said: Tensor, wanted: Tensor, plain: Tensor) -> float:
    """How far from `plain` towards `wanted` the one who `said` is, by least squares."""
    whole = wanted - plain
    return float(((said - plain) * whole).sum() / whole.square().sum())


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("config")
    parser.add_argument("--model", default="mini", help="a run, a checkpoint or a bundle")
    asked = parser.parse_args()
    config = load_yaml(StudentTraining, asked.config)
    trainee = StudentTrainee(config)
    trainee.prepare(torch.device("cpu"))
    student, teacher = trainee.networks["student"].eval(), trainee.teacher
    student.load_state_dict(
        {key: value.float() for key, value in read_part(asked.model, "student").tensors.items()}
    )
    data = trainee.held_out
    assert data is not None, "the latents have no held-out piece"
    numbers = np.arange(min(MOST_PIECES, len(data)))
    batch = trainee.held_out_batch(data, numbers, Draw(0, 0))
    clean, told = trainee.standardised(batch["latents"]), trainee.told(batch)
    wanted = teacher.conditioner(told)
    guidance = Guidance(scale=config.guidance, projection=config.projection)

    def told_by(keep_guide: bool) -> Denoise:
        null = teacher.conditioner.null(wanted, keep_guide=keep_guide)
        return guided(teacher.dit, wanted, null, guidance)

    voices: tuple[Denoise, ...] = (
        told_by(False),
        told_by(True),
        lambda x, time: teacher.dit(x, time, wanted),
    )
    print(f"{len(numbers)} pieces; distance, guidance, learned | words, student's, teacher's")
    own, steps = batch["noise"], levels(config)
    for start, end in pairwise(steps):
        level, following = (torch.full((len(clean),), value) for value in (start, end))
        time = flow.time_of_sigma(level)
        own = own if start < steps[0] else flow.alpha_sigma(time)[1][:, None, None] * own
        for name, x in (
            ("noised piece", flow.noised(clean, batch["noise"], time)),
            ("own way", own),
        ):
            full, words, plain = (
                velocity_towards(x, crossed(voice, x, level, following), level, following)
                for voice in voices
            )
            said = student(x, time, told)
            print(
                f"{start:7.3f} {name:13s} {float((said - full).square().mean()):.4f} "
                f"{float((full - plain).square().mean()):.4f} {along(said, full, plain):.2f} | "
                f"{float((words - plain).square().mean()):.4f} {along(said, words, plain):.2f} "
                f"{along(full, words, plain):.2f}",
                flush=True,
            )
        own = ddim(own, student(own, time, told), level, following)


if __name__ == "__main__":
    main()
