"""The student in training: a denoiser that goes in a few steps where its guided teacher goes."""

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longform.checkpoint import load_into
from longform.config import from_mapping, load_yaml, to_mapping
from longform.dit import flow
from longform.dit.conditioner import Conditioner
from longform.dit.config import ConditionerConfig, DiTConfig
from longform.dit.denoiser import Denoiser
from longform.dit.distill import crossed, stretches, velocity_towards
from longform.dit.guidance import Denoise, Guidance, guided
from longform.dit.model import DiT
from longform.errors import UserError
from longform.manifest import Defaults, StudentPart
from longform.train.dit import DiTTrainee
from longform.train.dit_config import DiTTraining
from longform.train.latents import LatentDataset
from longform.train.loop import fit
from longform.train.pack import read_part
from longform.train.state import State
from longform.train.trainee import Batch, Draw, Part


@dataclass(frozen=True, kw_only=True)
class StudentTraining(DiTTraining):
    """A run that distils the denoiser of `teacher`, a run folder, a checkpoint or a bundle.

    `guidance` and `projection` are how the teacher is guided, `sigma_min` and `sigma_max` the noise
    levels between which the `steps` of the student lie; `tilt` above 1 teaches the high ones more.

    Where `student` is given, as `teacher` is, the run begins with it and teaches it one thing
    alone, to stay as it is in all else: to add `words` times what the teacher says more with its
    prompt than without, from the noise level `words_sigma` up, fading out over one step below it.
    """

    teacher: str
    steps: int = 8
    guidance: float = 3.0
    projection: float = 1.0
    sigma_min: float = 0.03
    sigma_max: float = 80.0
    tilt: float = 1.0
    student: str | None = None
    words: float = 0.0
    words_sigma: float = 8.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 2 or not 0 < self.sigma_min < self.sigma_max:
            raise UserError(
                f"steps {self.steps}, sigma_min {self.sigma_min:g}, sigma_max {self.sigma_max:g}: "
                "there must be at least 2, between levels that rise from above 0"
            )
        if not 1 <= self.tilt <= 4:
            raise UserError(f"tilt is {self.tilt:g}; it must lie within 1..4")
        if not 0 <= self.words <= 4 or not self.words_sigma > 0:
            raise UserError(
                f"words {self.words:g}, words_sigma {self.words_sigma:g}: words must lie within "
                "0..4, words_sigma above 0"
            )
        if (self.words > 0) != (self.student is not None):
            raise UserError(
                f"words is {self.words:g} and student {self.student}: both or none must be given"
            )
        if self.dit.objective != "v":
            raise UserError(f"dit.objective is {self.dit.objective!r}; only 'v' can be distilled")


class StudentTrainee(DiTTrainee):
    """One network, `student`, which begins as its teacher; the teacher is frozen."""

    name = "student"
    config: StudentTraining

    def __init__(self, config: StudentTraining) -> None:
        super().__init__(config)
        self.teacher = load_teacher(config)
        self.before: Denoiser | None = None
        if config.student is not None:
            part = read_part(config.student, self.name)
            self.before = deepcopy(self.teacher)
            load_into(self.before, dict(part.tensors), part.source)
        self.networks[self.name].load_state_dict(self._frozen[-1].state_dict())

    @property
    def defaults(self) -> Defaults:
        config = self.config
        return Defaults(
            steps=config.steps,
            guidance=1.0,
            sampler=StudentPart(steps=config.steps).sampler,
            sigma_min=config.sigma_min,
            sigma_max=config.sigma_max,
        )

    def prepare(self, device: torch.device) -> None:
        super().prepare(device)
        for frozen in self._frozen:
            frozen.to(device)

    def compile(self) -> None:
        super().compile()
        for frozen in self._frozen:
            for layer in frozen.dit.transformer.layers:
                layer.compile(dynamic=False)

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        student = networks[phase]
        if self.before is None:
            return {"loss": self._apart(student, batch).mean()}
        return {"loss": self._apart_in_words(student, self.before, batch).mean()}

    @torch.no_grad()
    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Mean distance to the teacher on held-out pieces, at fixed levels and noise."""
        data = self.held_out
        if data is None:
            return {}
        apart, in_words = [], []
        for first in range(0, len(data), self.config.run.batch):
            numbers = np.arange(first, min(first + self.config.run.batch, len(data)))
            batch = self.held_out_batch(data, numbers, Draw(0, first))
            student = networks[self.name]
            apart.append(self._apart(student, batch).cpu())
            if self.before is not None:
                in_words.append(self._apart_in_words(student, self.before, batch).cpu())
        figures = {"loss": float(torch.cat(apart).mean())}
        return figures | ({"words": float(torch.cat(in_words).mean())} if in_words else {})

    def parts(self) -> dict[str, Part]:
        config = to_mapping(StudentPart(steps=self.config.steps))
        return {"student": Part(prefix="student.", config=config)}

    def grown(
        self, name: str, tensors: dict[str, Tensor], facts: Mapping[str, Any]
    ) -> tuple[dict[str, Tensor], list[str]]:
        """Another student's weights as they are: both are configured as their teachers."""
        return tensors, []

    def held_out_batch(self, data: LatentDataset, numbers: np.ndarray, draw: Draw) -> Batch:
        """The middles of these pieces, their first captions, and levels drawn evenly."""
        frames = self.config.windows[0].frames
        items = [data.items[n] for n in numbers]
        starts = [max(0, (item.frames - frames) // 2) for item in items]
        batch = self.windows.batch(data, numbers, starts, frames)
        text, mask = self.text.batch([next(iter(item.captions), None) for item in items])
        batch |= self._stretch(batch["latents"], draw, tilt=1.0)
        batch |= {"text": text, "text_mask": mask}
        device = next(self.teacher.parameters()).device
        return {
            key: value.to(device) if isinstance(value, Tensor) else value
            for key, value in batch.items()
        }

    def _path(self, latents: Tensor, draw: Draw) -> dict[str, Tensor]:
        return self._stretch(latents, draw, self.config.tilt)

    def _stretch(self, latents: Tensor, draw: Draw, tilt: float) -> dict[str, Tensor]:
        """Noise like the latents (b, d, f) and the levels (b,) between which a step goes."""
        generator, config = draw.generator("path"), self.config
        noise = torch.randn(latents.shape, generator=generator)
        level, following = stretches(
            len(latents),
            config.steps,
            config.sigma_min,
            config.sigma_max,
            generator,
            tilt,
        )
        return {"noise": noise, "level": level, "following": following}

    def _apart(self, student: nn.Module, batch: Batch) -> Tensor:
        """Squared distance between what student and teacher say, per item (b,)."""
        level, following = batch["level"], batch["following"]
        x, time = self._noised(batch)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._half):
            landed = crossed(self._taught(batch), x, level, following)
        wanted = velocity_towards(x, landed.float(), level, following)
        said = student(x, time, self.told(batch))
        return (said.float() - wanted).square().flatten(1).mean(dim=1)

    def _apart_in_words(self, student: nn.Module, before: nn.Module, batch: Batch) -> Tensor:
        """Squared distance (b,) from what it said `before` and the words that it is to add."""
        x, time = self._noised(batch)
        told, config = self.told(batch), self.config
        step = math.log(config.sigma_max / config.sigma_min) / (config.steps - 1)
        share = (1 + (batch["level"] / config.words_sigma).log() / step).clamp(0, 1)
        with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=self._half):
            wanted = before(x, time, told).float()
            unheard = torch.ones(len(x), dtype=torch.bool, device=x.device)
            words = self.teacher(x, time, told) - self.teacher(x, time, told, unheard)
            wanted += config.words * share[:, None, None] * words.float()
        said = student(x, time, told)
        return (said.float() - wanted).square().flatten(1).mean(dim=1)

    def _noised(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The latents (b, d, f) of a batch under noise, and its times (b,)."""
        time = flow.time_of_sigma(batch["level"])
        return flow.noised(self.standardised(batch["latents"]), batch["noise"], time), time

    @torch.no_grad()
    def _taught(self, batch: Batch) -> Denoise:
        """The teacher under guidance, told what the student is told."""
        conditioner = self.teacher.conditioner
        wanted = conditioner(self.told(batch))
        guidance = Guidance(scale=self.config.guidance, projection=self.config.projection)
        return guided(self.teacher.dit, wanted, conditioner.null(wanted), guidance)

    @property
    def _frozen(self) -> list[Denoiser]:
        return [self.teacher] if self.before is None else [self.teacher, self.before]

    @property
    def _half(self) -> bool:
        return self.config.run.mixed_precision == "bf16"


def load_teacher(config: StudentTraining) -> Denoiser:
    """The frozen denoiser of `config.teacher`.

    Raises:
        UserError: it is configured differently from the student.
    """
    said = {name: read_part(config.teacher, name) for name in ("dit", "conditioner")}
    dit = from_mapping(DiTConfig, said["dit"].config)
    conditioner = from_mapping(ConditionerConfig, said["conditioner"].config)
    for name, own, found in (
        ("dit", config.dit, dit),
        ("conditioner", config.conditioner, conditioner),
    ):
        if own != found:
            raise UserError(f"{name} is not configured as that of the teacher {config.teacher!r}")
    teacher = Denoiser(DiT(dit), Conditioner(conditioner))
    tensors = {
        f"{name}.{key}": value for name, part in said.items() for key, value in part.tensors.items()
    }
    load_into(teacher, tensors, f"teacher {config.teacher}")
    return teacher.eval().requires_grad_(False)


def train(config_path: str | Path, overrides: Sequence[str] = ()) -> State:
    """Distil a student as the YAML file says, each override a `dotted.key=value`."""
    config = load_yaml(StudentTraining, config_path, overrides)
    return fit(StudentTrainee(config), config.run)
