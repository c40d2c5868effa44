"""Before the first step: the engine, the state and the run folder of one session."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import (
    DistributedDataParallelKwargs,
    broadcast_object_list,
    is_tensorboard_available,
)
from torch import Tensor, nn

from longform.device import has_bf16_units
from longform.errors import UserError
from longform.train import run_folder
from longform.train.config import RunConfig
from longform.train.evaluate.online import Evaluations
from longform.train.log import RunLog
from longform.train.state import State, build
from longform.train.trainee import Trainee


@dataclass
class Job:
    """One session of a run: what every part of the loop needs."""

    trainee: Trainee
    run: RunConfig
    accelerator: Accelerator
    state: State
    prepared: dict[str, nn.Module]
    trainable: dict[str, list[nn.Parameter]]
    log: RunLog | None
    evaluations: Evaluations | None
    """On the main process of a run that is evaluated."""
    window: dict[str, tuple[Tensor, int]] = field(default_factory=dict)
    """Sum and count of each figure since the last line of the log."""

    def say(self, text: str) -> None:
        if self.log is not None:
            self.log.say(text)


def make_accelerator(run: RunConfig) -> Accelerator:
    torch.set_flush_denormal(True)
    if run.threads:
        torch.set_num_threads(run.threads)
    if run.tensorboard and not is_tensorboard_available():
        raise UserError(
            "run.tensorboard is on, but tensorboard is missing; pip install tensorboard"
        )
    return Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision=run.mixed_precision,
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        log_with="tensorboard" if run.tensorboard else None,
        project_dir=run.out,
    )


def start(trainee: Trainee, run: RunConfig, accelerator: Accelerator, stack: ExitStack) -> Job:
    """Build the state, take it from the newest checkpoint if there is one, prepare the networks."""
    for network in trainee.networks.values():
        network.to(accelerator.device)
    trainee.prepare(accelerator.device)
    state = build(trainee, run)
    state.shards = accelerator.num_processes * run.accumulate
    found = [None]
    if accelerator.is_main_process:
        found = [run_folder.claim(run, state.facts["config"])]
    if accelerator.num_processes > 1:
        broadcast_object_list(found)
    notes = _load(state, trainee, run, found[0])
    log, evaluations = None, None
    if accelerator.is_main_process:
        log = RunLog(Path(run.out) / "log.jsonl", state.step, run.steps)
        stack.callback(log.close)
        if run.evaluate is not None:
            evaluations = Evaluations(run.evaluate, Path(run.out), state.step, run.steps)
            stack.callback(evaluations.close)
        if run.tensorboard:
            accelerator.init_trackers("tensorboard")
        if not has_bf16_units(accelerator.device):
            notes += _emulated(run)
        for note in notes:
            log.say(note)
    trainable = {
        name: [p for p in network.parameters() if p.requires_grad]
        for name, network in trainee.networks.items()
    }
    prepared = {name: accelerator.prepare(network) for name, network in trainee.networks.items()}
    if run.compile:
        trainee.compile()
    return Job(trainee, run, accelerator, state, prepared, trainable, log, evaluations)


def _emulated(run: RunConfig) -> list[str]:
    """What of a run computes in bfloat16, told on a processor that has no units for it."""
    slow = {"run.mixed_precision=no": run.mixed_precision == "bf16"} | {
        f"run.optimisers.{name}.kind=adamw": config.kind == "muon"
        for name, config in run.optimisers.items()
    }
    ways_out = [setting for setting, found in slow.items() if found]
    if not ways_out:
        return []
    return [
        "this processor has no bfloat16 units, which makes a step many times slower; to compute in "
        f"float32: {' '.join(f'--set {setting}' for setting in ways_out)}"
    ]


def _load(state: State, trainee: Trainee, run: RunConfig, checkpoint: Path | None) -> list[str]:
    if checkpoint is not None:
        shards = state.load(checkpoint)["shards"]
        notes = [f"resumed at step {state.step} from {checkpoint}"]
        if shards != state.shards:
            notes.append(
                f"the run had {shards} processes times accumulated batches and now has "
                f"{state.shards}: the data come in another order from here"
            )
        return notes
    if run.start_from is not None:
        say = partial(print, file=sys.stderr)
        added = state.start_from(run.start_from, trainee.grown, say)
        new = f"; new: {', '.join(added)}" if added else ""
        return [f"weights from {run.start_from}{new}"]
    return []
