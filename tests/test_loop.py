"""The training loop beside plain torch, and what it says when something is wrong."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import trainees
from torch import Tensor, nn

from longform.errors import UserError
from longform.train import checkpoints, loop
from longform.train.job import _emulated
from longform.train.optim import adamw, learning_rate
from longform.train.pack import read_part
from longform.train.prefetch import prefetched
from longform.train.trainee import Batch, Draw, epoch_indices


def lines(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def flat(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_loop_is_plain_torch(tmp_path: Path, accumulate: int) -> None:
    """A GAN under the loop equals one written by hand, with one network's gradients at a time."""
    state = trainees.train("gan", tmp_path, 6, accumulate=accumulate)

    run = trainees.run_config("gan", tmp_path, 6, accumulate=accumulate)
    gan = trainees.make("gan", run)
    optimisers = {n: adamw(m.parameters(), run.optimisers[n]) for n, m in gan.networks.items()}
    for step in range(6):
        for phase in gan.phases(step):
            for name, network in gan.networks.items():
                network.requires_grad_(name == phase)
            own = list(gan.networks[phase].parameters())
            total = [torch.zeros_like(p) for p in own]
            for micro in range(accumulate):
                draw = Draw(run.seed, step, micro, accumulate)
                torch.manual_seed(draw.generator(f"layers/{phase}").initial_seed())
                generator = draw.generator(f"losses/{phase}")
                loss = gan.losses(phase, gan.networks, gan.draw(draw), generator)["loss"]
                parts = torch.autograd.grad(loss / accumulate, own)
                for sum_, part in zip(total, parts, strict=True):
                    sum_ += part
            for parameter, gradient in zip(own, total, strict=True):
                parameter.grad = gradient
            torch.nn.utils.clip_grad_norm_(own, 1.0)
            for group in optimisers[phase].param_groups:
                group["lr"] = learning_rate(run.optimisers[phase], step, 6)
            optimisers[phase].step()
    for name, network in gan.networks.items():
        torch.testing.assert_close(flat(state.networks[name]), flat(network), atol=1e-6, rtol=1e-5)


def test_training_learns_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = trainees.train("plain", tmp_path, 120, log_every=20, validate_every=60)
    log = lines(tmp_path)
    losses = [line["model/loss"] for line in log if "model/loss" in line]
    errors = [line["validation/error"] for line in log if "validation/error" in line]
    assert [line["step"] for line in log] == [20, 40, 60, 60, 80, 100, 120, 120]
    assert losses[-1] < 0.8 * losses[0] and errors[1] < errors[0]
    assert {"model/grad_norm", "model/lr", "items_per_second", "eta_seconds"} <= log[0].keys()
    assert all(p.requires_grad for p in state.networks["model"].parameters())
    told = capsys.readouterr().err
    assert "step 120/120" in told and "ETA" in told and "validation/error" in told


def test_validation_sees_the_average(tmp_path: Path) -> None:
    run = trainees.run_config("plain", tmp_path, 30, ema=0.99)
    plain = trainees.make("plain", run)
    state = loop.fit(plain, run)
    network = plain.networks["model"].eval()
    own = flat(network)
    with state.averages["model"].swapped(), torch.no_grad():
        averaged = plain.validate(plain.networks, 30)["error"]
        assert not torch.equal(own, flat(network))
    assert lines(tmp_path)[-1]["validation/error"] == pytest.approx(averaged, rel=1e-6)
    part = read_part(tmp_path, "clap")
    assert part.config == {"width": 8}
    network.load_state_dict(part.tensors)
    with torch.no_grad():
        assert plain.validate(plain.networks, 30)["error"] == pytest.approx(averaged, rel=1e-6)


def test_bfloat16_computes_low_and_keeps_high(tmp_path: Path) -> None:
    high = trainees.train("plain", tmp_path / "high", 5)
    low = trainees.train("plain", tmp_path / "low", 5, mixed_precision="bf16")
    assert flat(low.networks["model"]).dtype == torch.float32
    a, b = lines(tmp_path / "high")[0]["model/loss"], lines(tmp_path / "low")[0]["model/loss"]
    assert a != b and a == pytest.approx(b, rel=0.05)
    assert not torch.equal(flat(low.networks["model"]), flat(high.networks["model"]))
    assert low.networks["model"](torch.zeros(1, 6)).dtype == torch.float32
    assert "forward" not in vars(low.networks["model"]), "the network is left wrapped"


@pytest.mark.parametrize("units", [True, False])
def test_emulated_bfloat16_is_told(
    units: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("longform.train.job.has_bf16_units", lambda device: units)
    trainees.train("plain", tmp_path, 1, mixed_precision="bf16")
    assert ("run.mixed_precision=no" in capsys.readouterr().err) != units
    trainees.train("plain", tmp_path / "high", 1)
    assert "bfloat16" not in capsys.readouterr().err
    muon = trainees.run_config("plain", "out", 1, optimisers={"a": {"lr": 1.0, "kind": "muon"}})
    assert _emulated(muon)[0].endswith("float32: --set run.optimisers.a.kind=adamw")


def test_a_bad_batch_stops_before_the_step(tmp_path: Path) -> None:
    before = trainees.train("plain", tmp_path / "before", 3)
    run = trainees.run_config("plain", tmp_path / "bad", 6)
    bad = trainees.make("plain", run, poison_step=3)
    chosen = epoch_indices(0, trainees.ITEMS, 4, 3)
    names = ", ".join(f"item-{number}" for number in chosen)
    with pytest.raises(UserError) as stopped:
        loop.fit(bad, run)
    assert f"step 3, model: loss is nan with items {names}; nothing" in str(stopped.value)
    assert torch.equal(flat(bad.networks["model"]), flat(before.networks["model"]))


class Exploding(trainees.Plain):
    """A finite loss whose gradient is not."""

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        value = networks["model"](batch["inputs"]).mean()
        return {"loss": (value - value.detach()).abs().sqrt()}


def test_a_bad_gradient_stops_before_the_step(tmp_path: Path) -> None:
    run = trainees.run_config("plain", tmp_path, 6)
    with pytest.raises(UserError, match=r"step 0, model: grad_norm is (nan|inf) with items"):
        loop.fit(Exploding(trainees.Config(run=run)), run)


def test_another_config_is_refused_by_name(tmp_path: Path) -> None:
    trainees.train("plain", tmp_path, 2)
    with pytest.raises(UserError, match=r"run\.batch was 4, is 5") as refused:
        trainees.train("plain", tmp_path, 3, batch=5, keep=4)
    assert "keep" not in str(refused.value) and "steps" not in str(refused.value)
    with pytest.raises(UserError, match=r"run\.optimisers\.model\.lr was 0\.01, is 0\.02"):
        trainees.train("plain", tmp_path, 3, optimisers={"model": {"lr": 0.02, "warmup": 0.5}})
    run = trainees.run_config("plain", tmp_path, 3)
    with pytest.raises(UserError, match="width was 8, is 9"):
        loop.fit(trainees.make("plain", run, width=9), run)
    assert trainees.train("plain", tmp_path, 3, keep=4, log_every=2).step == 3


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    trainees.train("plain", tmp_path, 2)
    before = (tmp_path / "log.jsonl").read_text()
    assert trainees.train("plain", tmp_path, 2).step == 2
    assert (tmp_path / "log.jsonl").read_text() == before


def test_optimisers_are_those_of_the_networks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the networks are discriminator, generator"):
        trainees.train("gan", tmp_path, 2, optimisers={"generator": {"lr": 0.1}})


def test_start_from_takes_the_averaged_weights(tmp_path: Path) -> None:
    trainees.train("plain", tmp_path / "first", 9)
    first = read_part(tmp_path / "first", "clap").tensors
    still = {"model": {"lr": 1e-30}}
    settings = {"optimisers": still, "start_from": str(tmp_path / "first")}
    second = trainees.train("plain", tmp_path / "second", 1, **settings)
    for name, value in second.networks["model"].state_dict().items():
        torch.testing.assert_close(value, first[name], atol=1e-9, rtol=0)
    run = trainees.run_config("plain", tmp_path / "wide", 1, **settings)
    with pytest.raises(UserError, match=r"start_from .*: model: .*wrong shape"):
        loop.fit(trainees.make("plain", run, width=16), run)
    with pytest.raises(UserError, match="neither installed nor a folder"):
        trainees.train("plain", tmp_path / "none", 1, start_from=str(tmp_path / "nowhere"))


def test_lines_after_the_checkpoint_are_cut(tmp_path: Path) -> None:
    trainees.train("plain", tmp_path, 3)
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"step": 4, "model/loss": 0}\n{"step": 5, "mod')
    trainees.train("plain", tmp_path, 5)
    log = [line for line in lines(tmp_path) if "model/loss" in line]
    assert [line["step"] for line in log] == [1, 2, 3, 4, 5]
    assert all(line["model/loss"] > 0 for line in log)


def test_a_broken_checkpoint_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainees.train("plain", tmp_path / "straight", 6)
    trainees.train("plain", tmp_path / "run", 4, checkpoint_steps=2)
    newest = tmp_path / "run" / "checkpoints" / "step-000000004"
    content = (newest / "ema.safetensors").read_bytes()
    (newest / "ema.safetensors").write_bytes(content[:-1])
    state = trainees.train("plain", tmp_path / "run", 6)
    told = capsys.readouterr().err
    assert f"{newest} passed over: ema.safetensors differs from the manifest" in told
    assert "resumed at step 2" in told
    straight = checkpoints.read(tmp_path / "straight/checkpoints/step-000000006", "networks")
    for name, value in state.networks["model"].state_dict().items():
        assert torch.equal(value, straight[f"model.{name}"])


def test_tensorboard_when_asked_for(tmp_path: Path) -> None:
    trainees.train("plain", tmp_path, 2, tensorboard=True)
    (events,) = tmp_path.rglob("events.out.tfevents.*")
    assert b"model/loss" in events.read_bytes()


def test_every_epoch_visits_every_item_once() -> None:
    world, batch, n = 2, 3, 10
    order = [
        index
        for step in range(10)
        for rank in range(world)
        for index in epoch_indices(7, n, batch, step, rank, world)
    ]
    epochs = [order[i : i + n] for i in range(0, len(order), n)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)
    assert order != [i for s in range(20) for i in epoch_indices(8, n, batch, s)]


def test_draws_are_pure_and_apart() -> None:
    base = Draw(1, 2, 3, 4)
    for other in (replace(base, seed=2), replace(base, step=3), replace(base, rank=2)):
        assert base.rng("a").random() != other.rng("a").random()
        assert base.generator("a").initial_seed() != other.generator("a").initial_seed()
    assert base.rng("a").random() == Draw(1, 2, 3, 9).rng("a").random()
    assert base.rng("a").random() != base.rng("b").random()


def test_prefetch_keeps_order_and_hands_on_errors() -> None:
    def make(number: int) -> int:
        if number == 5:
            raise UserError("batch 5 is spoilt")
        return number * number

    with prefetched(make, 2, 9, 2) as take:
        assert [take(number) for number in (2, 3, 4)] == [4, 9, 16]
        with pytest.raises(UserError, match="batch 5"):
            take(5)
    with prefetched(make, 0, 1000, 1) as take:
        assert take(0) == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
