"""Settings that every training run has; each trainee's own config holds one of these as `run`."""

import os
import re
from dataclasses import dataclass, fields
from typing import Literal

from longform.errors import UserError


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """An optimiser and its learning rate as a function of the step."""

    lr: float
    kind: Literal["adamw", "muon"] = "adamw"
    """`muon`: Muon for the matrices of a network's layers, AdamW for all else."""
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.001
    decay_vectors: bool = False
    """Weight decay on one-dimensional parameters (biases, gains) as well."""
    eps: float = 1e-8
    clip_norm: float = 1.0
    """Largest gradient norm; 0 does not clip."""
    schedule: Literal["inverse", "linear", "constant"] = "inverse"
    warmup: float = 0.99
    """`inverse`: the ramp is 1 - warmup^(step + 1)."""
    inv_gamma: float = 1_000_000.0
    power: float = 0.5
    warmup_steps: int = 0
    """`linear` and `constant`: steps of the linear ramp."""
    final_lr: float = 0.0
    """`inverse`: floor of the decay. `linear`: value at the last step."""

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise UserError(f"lr must be above 0, got {self.lr}")
        if not 0 <= self.warmup < 1:
            raise UserError(f"warmup must be in [0, 1), got {self.warmup}")


EVALUATION_FIGURES = {
    "tempo": 1,
    "key": 1,
    "key_mirex": 1,
    "clap_own": 1,
    "clap_any": 1,
    "stereo_correct": 1,
    "silent": -1,
    "clipped": -1,
    "static": -1,
}
"""What an evaluation during training measures: 1 where more is better, -1 where less is."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Evaluation while training: fixed prompts and seeds, sampled with the averaged weights.

    What is learned does not depend on it, bit for bit. `autoencoder` (a run folder, a checkpoint or
    a bundle) makes the latents audible.
    """

    autoencoder: str
    minutes: float = 10.0
    """Between two evaluations; 0 evaluates after every step. The last step is always evaluated."""
    prompts: int = 8
    seconds: float = 24.0
    stop_when: str | None = None
    """"METRIC over N": stop when METRIC has not improved in the last N evaluations."""

    def __post_init__(self) -> None:
        if self.minutes < 0 or self.prompts < 2 or self.seconds < 2:
            raise UserError(
                f"evaluate: minutes {self.minutes:g}, prompts {self.prompts}, seconds "
                f"{self.seconds:g}; at least 0, 2 and 2 are needed"
            )
        self.stop_rule()

    def stop_rule(self) -> tuple[str, int] | None:
        """Metric and patience of `stop_when`."""
        if self.stop_when is None:
            return None
        found = re.fullmatch(r"(\w+) over ([1-9]\d*)", self.stop_when.strip())
        if found is None or found.group(1) not in EVALUATION_FIGURES:
            known = ", ".join(EVALUATION_FIGURES)
            raise UserError(
                f"stop_when {self.stop_when!r} is not 'METRIC over N' with one of {known}"
            )
        return found.group(1), int(found.group(2))


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run: where it writes, how long it takes, how it optimises and what it keeps."""

    out: str
    steps: int
    batch: int
    """Items per process and micro-batch; a step trains on batch * accumulate * processes items."""
    optimisers: dict[str, OptimConfig]
    """One entry for each network of the trainee, under its name."""
    seed: int = 0
    accumulate: int = 1
    mixed_precision: Literal["no", "bf16"] = "no"
    compile: bool = False
    threads: int = 0
    """CPU threads of this process; 0 leaves torch's choice."""
    prefetch: int = 2
    """Batches drawn ahead, each in a thread of its own; 0 draws in the loop."""
    ema: float = 0.9999
    """Decay of the moving average; 0 keeps none."""
    ema_warmup: Literal["ratio", "power"] = "ratio"
    checkpoint_minutes: float = 10.0
    checkpoint_steps: int = 0
    """Also save every so many steps; 0 does not."""
    keep: int = 2
    log_every: int = 10
    validate_every: int = 0
    """Steps between validations; 0 validates at the end alone."""
    evaluate: EvaluateConfig | None = None
    """Listening to the model while it trains; only the denoiser can be listened to."""
    tensorboard: bool = False
    start_from: str | None = None
    """A run, a checkpoint or a bundle (by name or path) whose weights a new run begins with."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "log_every"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.keep < 2:
            raise UserError(
                f"keep must be at least 2, got {self.keep}: one good one is never enough"
            )
        if not 0 <= self.ema < 1:
            raise UserError(f"ema must be in [0, 1), got {self.ema}")
        if not self.out.strip() or os.path.isfile(self.out):
            raise UserError(f"out must name a folder, got {self.out!r}")


RESUMABLE = frozenset(
    {
        "out",
        "start_from",
        "steps",
        "checkpoint_minutes",
        "checkpoint_steps",
        "keep",
        "log_every",
        "validate_every",
        "prefetch",
        "threads",
        "tensorboard",
        "evaluate",
        *(f"evaluate.{field.name}" for field in fields(EvaluateConfig)),
    }
)
"""Settings of a run that may differ when it is resumed: they do not change what is learned.

`steps` is the end of the `linear` schedule: a run resumed with more follows the new line.
"""
