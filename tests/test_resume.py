"""A run that is stopped and resumed ends in the same bits as one that is not."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
import trainees
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from longform.train import loop
from longform.train.trainee import Batch

FILES = ("networks.safetensors", "ema.safetensors", "optimisers.safetensors")
CHANGING = {"time", "seconds", "items_per_second", "eta_seconds"}


def bits(out: Path, step: int) -> dict[str, bytes]:
    folder = out / "checkpoints" / f"step-{step:09d}"
    return {name: (folder / name).read_bytes() for name in FILES}


def figures(out: Path) -> list[dict[str, float]]:
    lines = (out / "log.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    kept = [{k: v for k, v in entry.items() if k not in CHANGING} for entry in entries]
    return [entry for entry in kept if not any(key.startswith("validation") for key in entry)]


def assert_equal_runs(one: Path, other: Path, step: int) -> None:
    assert bits(one, step) == bits(other, step)
    assert figures(one) == figures(other)


MUON = {"optimisers": {"model": {"lr": 0.01, "kind": "muon"}}}


@pytest.mark.parametrize(("kind", "settings"), [("plain", {}), ("gan", {}), ("plain", MUON)])
@pytest.mark.parametrize("stop", [3, 11], ids=["inside an epoch", "at the edge of one"])
def test_resumed_equals_straight(
    tmp_path: Path, kind: str, settings: dict[str, object], stop: int
) -> None:
    assert (stop * 4) % trainees.ITEMS == 0 or stop == 3
    trainees.train(kind, tmp_path / "straight", 14, **settings)
    trainees.train(kind, tmp_path / "halves", stop, **settings)
    trainees.train(kind, tmp_path / "halves", 14, **settings)
    assert_equal_runs(tmp_path / "straight", tmp_path / "halves", 14)


def test_runs_are_not_equal_by_accident(tmp_path: Path) -> None:
    trainees.train("plain", tmp_path / "one", 4)
    trainees.train("plain", tmp_path / "other", 4, seed=1)
    assert bits(tmp_path / "one", 4) != bits(tmp_path / "other", 4)
    losses = [line["model/loss"] for line in figures(tmp_path / "one")]
    assert len(set(losses)) == 4


def test_prefetching_validating_saving_and_logging_change_nothing(tmp_path: Path) -> None:
    trainees.train("plain", tmp_path / "quiet", 9, prefetch=0, log_every=9)
    trainees.train("plain", tmp_path / "busy", 4, prefetch=3, validate_every=2, checkpoint_steps=1)
    trainees.train("plain", tmp_path / "busy", 9, prefetch=1, checkpoint_minutes=0.0)
    assert bits(tmp_path / "quiet", 9) == bits(tmp_path / "busy", 9)


class Interrupted(trainees.Plain):
    """Sends its own process a signal in the middle of a step, as a launcher would."""

    number = signal.SIGTERM

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        self.done = getattr(self, "done", 0) + 1
        if self.done == 4:
            os.kill(os.getpid(), self.number)
        return super().losses(phase, networks, batch, generator)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_exits_and_the_run_goes_on(
    tmp_path: Path, number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    trainees.train("plain", tmp_path / "straight", 8)
    run = trainees.run_config("plain", tmp_path / "stopped", 8)
    trainee = Interrupted(trainees.Config(run=run))
    trainee.number = number
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as stopped:
        loop.fit(trainee, run)
    assert stopped.value.code == code
    assert signal.getsignal(number) is before
    assert "stopped at step 4" in capsys.readouterr().err
    assert len(bits(tmp_path / "stopped", 4)) == 3
    trainees.train("plain", tmp_path / "stopped", 8)
    assert_equal_runs(tmp_path / "straight", tmp_path / "stopped", 8)


def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    """SIGTERM from outside, at whatever step it happens to be."""
    command = [sys.executable, trainees.__file__, "gan", str(tmp_path / "run"), "1000000"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    log = tmp_path / "run" / "log.jsonl"
    while process.poll() is None and not (log.exists() and log.stat().st_size):
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate()
    assert process.returncode == 143, errors.decode()
    (saved,) = (tmp_path / "run" / "checkpoints").iterdir()
    step = int(saved.name.removeprefix("step-"))
    assert len(figures(tmp_path / "run")) == step
    trainees.train("gan", tmp_path / "run", step + 3)
    trainees.train("gan", tmp_path / "straight", step + 3)
    assert_equal_runs(tmp_path / "straight", tmp_path / "run", step + 3)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def test_two_processes(tmp_path: Path) -> None:
    """Resumed equals straight; both ranks agree; two processes equal two accumulated batches."""
    arguments = (free_ports(4), str(tmp_path))
    spawn(trainees.resume_worker, arguments, nprocs=2)
    assert_equal_runs(tmp_path / "straight", tmp_path / "halves", 12)
    ranks = [torch.load(tmp_path / f"straight-12-{rank}.pt") for rank in (0, 1)]
    assert torch.equal(ranks[0], ranks[1])

    state = trainees.train("gan", tmp_path / "accumulated", 12, accumulate=2)
    alone = torch.cat([p.detach().flatten() for p in state.networks["generator"].parameters()])
    torch.testing.assert_close(alone, ranks[0], atol=2e-6, rtol=1e-5)

    told = [(tmp_path / f"bad-{rank}.txt").read_text() for rank in (0, 1)]
    assert told[0] == told[1]
    assert told[0].startswith("step 3, model: loss is nan with items item-")
    assert told[0].count("item-") == 4
