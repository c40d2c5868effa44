"""Learning rates against the published figures; AdamW's groups; the moving average."""

import pytest
import torch
from torch import nn
from trainees import Layers

from longform.errors import UserError
from longform.train.config import OptimConfig
from longform.train.ema import Ema, decay_at
from longform.train.optim import (
    adamw,
    learning_rate,
    load_optimiser_tensors,
    make_optimiser,
    optimiser_tensors,
    set_learning_rate,
)

DIT = OptimConfig(lr=5e-5)  # the defaults are those of the Stable Audio 2.0 DiT
AUTOENCODER = OptimConfig(lr=1.5e-4, inv_gamma=200_000, warmup=0.999)


@pytest.mark.parametrize(("config", "steps"), [(DIT, 500), (AUTOENCODER, 5_000)])
def test_inverse_ramps_to_99_3_percent(config: OptimConfig, steps: int) -> None:
    decay = (1 + (steps - 1) / config.inv_gamma) ** -0.5
    assert learning_rate(config, steps - 1, 1) / decay == pytest.approx(0.993 * config.lr, rel=1e-3)


def test_inverse_decays_to_0_707_at_a_million() -> None:
    assert learning_rate(DIT, 1_000_000, 1) == pytest.approx(5e-5 * 0.5**0.5, rel=1e-6)
    assert learning_rate(DIT, 0, 1) == pytest.approx(5e-5 * 0.01, rel=1e-6)
    floored = OptimConfig(lr=5e-5, final_lr=4e-5)
    assert learning_rate(floored, 10**9, 1) == pytest.approx(4e-5)


def test_linear_rises_and_falls_to_its_end() -> None:
    config = OptimConfig(lr=1.0, schedule="linear", warmup_steps=4, final_lr=0.1)
    rates = [learning_rate(config, step, 14) for step in range(14)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, pytest.approx(0.1 + 0.9 * 9 / 9)]
    assert rates[-1] == pytest.approx(0.1)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    plain = OptimConfig(lr=1.0, schedule="linear")
    assert [learning_rate(plain, step, 3) for step in range(3)] == [1.0, 0.5, 0.0]
    assert learning_rate(plain, 0, 1) == pytest.approx(0.0)


def test_constant_only_rises() -> None:
    config = OptimConfig(lr=2.0, schedule="constant", warmup_steps=2)
    assert [learning_rate(config, step, 9) for step in (0, 1, 2, 8)] == [1.0, 2.0, 2.0, 2.0]


def test_rates_must_make_sense() -> None:
    with pytest.raises(UserError, match="lr must be above 0, got 0"):
        OptimConfig(lr=0)
    with pytest.raises(UserError, match=r"warmup must be in \[0, 1\), got 1"):
        OptimConfig(lr=1, warmup=1)


@pytest.mark.parametrize("decay_vectors", [False, True])
def test_vectors_decay_only_if_asked(decay_vectors: bool) -> None:
    network = nn.Linear(3, 3)
    start = {name: p.detach().clone() for name, p in network.named_parameters()}
    config = OptimConfig(lr=0.1, weight_decay=0.5, decay_vectors=decay_vectors)
    optimiser = adamw(network.parameters(), config)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    shrunk = 1 - 0.1 * 0.5
    torch.testing.assert_close(network.weight.detach(), start["weight"] * shrunk)
    kept = shrunk if decay_vectors else 1.0
    torch.testing.assert_close(network.bias.detach(), start["bias"] * kept)


def test_optimiser_state_by_name() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    optimiser = adamw(network.parameters(), DIT)
    network(torch.ones(2, 3)).sum().backward()
    optimiser.step()
    tensors = optimiser_tensors(network, optimiser)
    assert {"0.weight/exp_avg", "1.bias/exp_avg_sq", "1.bias/step"} <= tensors.keys()
    other = adamw(network.parameters(), DIT)
    load_optimiser_tensors(network, other, tensors)
    again = optimiser_tensors(network, other)
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_muon_turns_every_direction_alike() -> None:
    """Matrices of layers move by U V^T of their gradient, scaled; the rest as by AdamW."""
    network = Layers(8)
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape)
    start = {name: p.detach().clone() for name, p in network.named_parameters()}
    config = OptimConfig(lr=0.1, kind="muon", weight_decay=0.5)
    optimiser = make_optimiser(network, config)
    optimiser.step()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        moved = (parameter.detach() - start[name] * (1 - 0.1 * 0.5 * (parameter.ndim > 1))) / -0.1
        if parameter.ndim == 1:  # the first step of AdamW is the sign of the gradient
            torch.testing.assert_close(moved, parameter.grad.sign(), atol=1e-4, rtol=1e-4)
            continue
        u, _, v = torch.linalg.svd(parameter.grad, full_matrices=False)
        along = u.T @ (moved / (0.2 * max(parameter.shape) ** 0.5)) @ v.T
        # Five Newton-Schulz steps bring singular values near 1, not to it, in bfloat16.
        assert (along.diagonal() - 1).abs().max() < 0.35
        assert (along - along.diagonal().diag()).abs().max() < 0.05
    set_learning_rate(optimiser, 0.0)
    held = [p.detach().clone() for p in network.parameters()]
    optimiser.step()
    assert all(torch.equal(a, b) for a, b in zip(held, network.parameters(), strict=True))


def test_muon_needs_layers() -> None:
    with pytest.raises(UserError, match="no matrices in layers or stages; use adamw"):
        make_optimiser(nn.Linear(3, 3), OptimConfig(lr=0.1, kind="muon"))


def test_the_average_follows_its_formula() -> None:
    network = nn.Linear(4, 4)
    ema = Ema(network, 0.9, "ratio")
    expected = network.weight.detach().double().clone()
    for step in range(20):
        with torch.no_grad():
            network.weight.add_(torch.randn(4, 4))
        ema.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.detach().double()
    torch.testing.assert_close(ema.shadow["weight"].double(), expected, atol=1e-6, rtol=1e-6)


def test_young_averages_forget_faster() -> None:
    assert decay_at(0, 0.9999, "ratio") == pytest.approx(0.1)
    assert decay_at(10**9, 0.9999, "ratio") == 0.9999
    assert decay_at(0, 0.9999, "power") == 0.0
    assert decay_at(999, 0.9999, "power") == pytest.approx(1 - 1000**-0.75)
    assert decay_at(10**9, 0.9999, "power") == 0.9999


def test_bfloat16_networks_keep_a_float32_average() -> None:
    """Steps of a thousandth are below bfloat16's resolution, and yet they add up."""
    network = nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    nn.init.constant_(network.weight, 1.0)
    ema = Ema(network, 0.999, "ratio")
    nn.init.constant_(network.weight, 2.0)
    for _ in range(1000):
        ema.update(10**9)
    assert ema.shadow["weight"].item() == pytest.approx(2 - 0.999**1000, rel=1e-3)


def test_swapping_lends_and_gives_back() -> None:
    network = nn.BatchNorm1d(3)
    ema = Ema(network, 0.5, "ratio")
    with torch.no_grad():
        network.weight.fill_(3.0)
        network.running_mean.fill_(7.0)  # type: ignore[union-attr]
    own = network.weight.detach().clone()
    with pytest.raises(RuntimeError, match="inside"), ema.swapped() as lent:
        assert torch.equal(lent.weight, torch.ones(3))  # type: ignore[arg-type]
        raise RuntimeError("inside")
    assert torch.equal(network.weight, own)
    tensors = ema.tensors()
    assert tensors.keys() == network.state_dict().keys()
    assert torch.equal(tensors["weight"], torch.ones(3))
    assert torch.equal(tensors["running_mean"], torch.full((3,), 7.0))
