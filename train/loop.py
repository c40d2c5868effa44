"""The training loop of every model: load, draw, update, log, validate, save."""

import math
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import cast

import torch
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object, send_to_device
from torch import Tensor

from longform.errors import UserError
from longform.train.config import RunConfig
from longform.train.job import Job, make_accelerator, start
from longform.train.log import duration
from longform.train.optim import learning_rate, set_learning_rate
from longform.train.prefetch import prefetched
from longform.train.state import State
from longform.train.stop import Stopper
from longform.train.trainee import Batch, Draw, Trainee


def fit(trainee: Trainee, run: RunConfig) -> State:
    """Train until `run.steps`, from the newest checkpoint of `run.out` where there is one.

    Runs in one process or in several (`accelerate launch`, plain data parallelism). A run that is
    stopped and resumed ends in the same bits as one that was not, on the same machine with the
    same number of processes and threads.

    Raises:
        UserError: the config differs from the run folder's, a loss or gradient is not finite, the
            disk is full.
        SystemExit: SIGTERM (code 143) or SIGINT (130) arrived; the state was saved first.
    """
    accelerator = make_accelerator(run)
    try:
        with ExitStack() as stack:
            job = start(trainee, run, accelerator, stack)
            _train(job)
        return job.state
    finally:
        accelerator.end_training()  # a process group still alive at exit can abort the process
        for network in trainee.networks.values():
            accelerator.unwrap_model(network, keep_fp32_wrapper=False)
            vars(network).pop("forward", None)  # or a copy would call the original's
        AcceleratorState._reset_state(reset_partial_state=True)


def _train(job: Job) -> None:
    run, state, main = job.run, job.state, job.accelerator.is_main_process
    saved_at = logged_at = time.monotonic()
    logged_step = state.step
    if _agree(job, _plateaued(job))[0]:
        job.say(f"stopped at step {state.step} already: {run.evaluate and run.evaluate.stop_when}")
        return
    with (
        Stopper() as stopper,
        prefetched(
            lambda step: _draw(job, step), state.step, run.steps, run.prefetch
        ) as batches_of,
    ):
        while state.step < run.steps:
            started = time.monotonic()
            batches = batches_of(state.step)
            for phase in job.trainee.phases(state.step):
                _update(job, phase, batches)
            state.step += 1
            state.seconds += time.monotonic() - started

            if state.step % run.log_every == 0 or state.step == run.steps:
                now = time.monotonic()
                _log(job, (state.step - logged_step) / (now - logged_at))
                logged_at, logged_step = now, state.step
            if state.step == run.steps or _every(run.validate_every, state.step):
                _validate(job)

            paused = time.monotonic()
            if job.evaluations is not None and job.evaluations.due(state.step):
                _evaluate(job)
                logged_at += time.monotonic() - paused
            due = main and time.monotonic() - saved_at > 60 * run.checkpoint_minutes
            signal, due, stop = _agree(job, stopper.signal, due, _plateaued(job))
            last = stop or state.step == run.steps
            if signal or due or last or _every(run.checkpoint_steps, state.step):
                path = _save(job)
                saved_at = time.monotonic()
                if signal and state.step < run.steps:
                    job.say(f"stopped at step {state.step}, saved in {path}; run again to go on")
                    raise SystemExit(128 + signal)
            if stop:
                job.say(f"stopped at step {state.step}: {run.evaluate and run.evaluate.stop_when}")
                break


def _draw(job: Job, step: int) -> list[Batch]:
    """The batches of one step, on the training device: what makes them ahead moves them too."""
    batches = [job.trainee.draw(_source(job, step, micro)) for micro in range(job.run.accumulate)]
    return cast(list[Batch], send_to_device(batches, job.accelerator.device))


def _source(job: Job, step: int, micro: int) -> Draw:
    accelerator = job.accelerator
    rank = micro * accelerator.num_processes + accelerator.process_index
    return Draw(job.run.seed, step, rank, job.state.shards)


def _update(job: Job, phase: str, batches: list[Batch]) -> None:
    """One optimiser step of the network `phase`; the others are frozen meanwhile.

    Frozen networks are handed over without their data-parallel wrapper, so that a generator's
    gradient never waits for, or lands in, the discriminator.
    """
    state, config = job.state, job.run.optimisers[phase]
    for name, parameters in job.trainable.items():
        for parameter in parameters:
            parameter.requires_grad_(name == phase)
    networks = {**state.networks, phase: job.prepared[phase]}
    optimiser = state.optimisers[phase]
    optimiser.zero_grad(set_to_none=True)
    figures: dict[str, Tensor] = {}
    for micro, batch in enumerate(batches):
        source = _source(job, state.step, micro)
        torch.manual_seed(source.generator(f"layers/{phase}").initial_seed())
        last = micro == len(batches) - 1
        with nullcontext() if last else job.accelerator.no_sync(job.prepared[phase]):
            generator = source.generator(f"losses/{phase}")
            losses = job.trainee.losses(phase, networks, batch, generator)
            job.accelerator.backward(losses["loss"] / len(batches))
        for name, value in losses.items():
            figures[name] = figures.get(name, 0) + value.detach().float() / len(batches)
    limit = config.clip_norm or math.inf
    norm = torch.nn.utils.clip_grad_norm_(job.trainable[phase], limit)
    figures["grad_norm"] = norm.detach()
    _check_finite(job, phase, figures, batches)
    rate = learning_rate(config, state.step, job.run.steps)
    set_learning_rate(optimiser, rate)
    optimiser.step()
    if phase in state.averages:
        state.averages[phase].update(state.step)
    _collect(job, phase, figures | {"lr": torch.tensor(rate, dtype=torch.float64)})


def _check_finite(job: Job, phase: str, figures: dict[str, Tensor], batches: list[Batch]) -> None:
    """Stop all processes before the optimiser step if any has a loss or gradient not finite.

    Raises:
        UserError: names step, phase, value and, where batches have them, the items.
    """
    bad = [name for name in ("loss", "grad_norm") if not torch.isfinite(figures[name])]
    accelerator = job.accelerator
    flag = torch.tensor([len(bad)], device=accelerator.device)
    if accelerator.num_processes > 1:
        flag = cast(Tensor, accelerator.reduce(flag, "sum"))
    if not flag.item():
        return
    mine = []
    if bad:
        ids = [str(item) for batch in batches for item in batch.get("ids", ())]
        items = f" with items {', '.join(ids)}" if ids else ""
        mine = [(bad[0], f"{bad[0]} is {float(figures[bad[0]])}{items}")]
    found = gather_object(mine) if accelerator.num_processes > 1 else mine
    # One process's bad loss spoils the gradient of all: name the loss alone where there is one.
    worst = "loss" if any(name == "loss" for name, _ in found) else "grad_norm"
    told = "; ".join(text for name, text in found if name == worst)
    raise UserError(
        f"step {job.state.step}, {phase}: {told}; nothing was updated. Lower the learning rate or "
        "look at these items, then run again from the last checkpoint"
    )


def _collect(job: Job, phase: str, figures: dict[str, Tensor]) -> None:
    for name, value in figures.items():
        total, count = job.window.get(f"{phase}/{name}", (0, 0))
        job.window[f"{phase}/{name}"] = (total + value, count + 1)


def _log(job: Job, steps_per_second: float) -> None:
    run, state = job.run, job.state
    means = {name: total / count for name, (total, count) in job.window.items()}
    if job.accelerator.num_processes > 1:
        means = job.accelerator.reduce(
            {n: v.to(job.accelerator.device) for n, v in means.items()}, "mean"
        )
    job.window.clear()
    if job.log is None:
        return
    figures = {name: float(value) for name, value in means.items()}
    items = run.batch * state.shards * steps_per_second
    eta_seconds = (run.steps - state.step) / steps_per_second
    speed = {"items_per_second": items, "eta_seconds": eta_seconds, "seconds": state.seconds}
    job.log.write(state.step, figures | {name: round(value, 3) for name, value in speed.items()})
    if run.tensorboard:
        job.accelerator.log(figures, step=state.step)
    losses = [f"{name} {figures[name]:.4g}" for name in figures if name.endswith("/loss")]
    text = f"{'  '.join(losses)}  {items:.1f} items/s  ETA {duration(eta_seconds)}"
    job.log.show(state.step, text, last=state.step == run.steps)


def _validate(job: Job) -> None:
    """Figures of the averaged networks on held-out items; training goes on unchanged."""
    modes = [(m, m.training) for network in job.state.networks.values() for m in network.modules()]
    with ExitStack() as stack:
        for average in job.state.averages.values():
            stack.enter_context(average.swapped())
        stack.enter_context(torch.no_grad())
        for network in job.state.networks.values():
            network.eval()
        torch.manual_seed(job.run.seed)
        figures = job.trainee.validate(job.state.networks, job.state.step)
    for module, training in modes:
        module.training = training
    if job.log is None or not figures:
        return
    named = {f"validation/{name}": float(value) for name, value in figures.items()}
    job.log.write(job.state.step, named)
    if job.run.tensorboard:
        job.accelerator.log(named, step=job.state.step)
    job.log.say(
        f"step {job.state.step}  "
        + "  ".join(f"{name} {value:.4g}" for name, value in named.items())
    )


def _evaluate(job: Job) -> None:
    """Listen to the averaged weights; nothing of the training is touched, no generator either."""
    state = job.state
    weights = {name: dict(network.state_dict()) for name, network in state.networks.items()}
    weights |= {name: average.tensors() for name, average in state.averages.items()}
    with torch.random.fork_rng():
        figures = job.trainee.evaluate(weights)
    assert job.evaluations is not None
    job.evaluations.note(state.step, figures)
    named = {f"evaluation/{name}": value for name, value in figures.items()}
    if job.run.tensorboard:
        job.accelerator.log(named, step=state.step)
    told = "  ".join(f"{name} {value:.3g}" for name, value in named.items())
    job.say(f"step {state.step}  {told}")


def _plateaued(job: Job) -> bool:
    return job.evaluations is not None and job.evaluations.plateaued


def _save(job: Job) -> Path | None:
    """The main process writes; the others wait for it."""
    path = None
    if job.accelerator.is_main_process:
        path = job.state.save(Path(job.run.out) / "checkpoints", job.run.keep)
    job.accelerator.wait_for_everyone()
    return path


def _agree(job: Job, *seen: int) -> tuple[int, ...]:
    """What any process has seen, all of them know."""
    if job.accelerator.num_processes == 1:
        return seen
    mine = torch.tensor([[int(one) for one in seen]], device=job.accelerator.device)
    highest = cast(Tensor, job.accelerator.gather(mine)).amax(0)
    return tuple(int(one) for one in highest)


def _every(period: int, step: int) -> bool:
    return period > 0 and step % period == 0
