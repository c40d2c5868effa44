"""Path, guidance and solver: the mathematics against its definitions and against plain code."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from diffusers.schedulers import scheduling_edm_dpmsolver_multistep as edm
from torch import Tensor

from longform.dit import flow
from longform.dit.condition import Condition
from longform.dit.config import DiTConfig
from longform.dit.guidance import Guidance, guided, rescaled
from longform.dit.model import DiT
from longform.dit.sampling import (
    exponential_sigmas,
    item_noise,
    sample,
    samplers_for,
    solve,
)
from longform.dit.time_shift import FluxShift, LogSnrShift, flow_times
from longform.errors import UserError
from longform.progress import Progress

RANGE = {"sigma_min": 0.03, "sigma_max": 80.0}
MEAN, SPREAD = 0.4, 0.7


def gaussian(x: Tensor, time: Tensor) -> Tensor:
    """The exact velocity when the data are normal(MEAN, SPREAD^2): posterior means, then v."""
    alpha, sigma = (a.view(-1, 1, 1) for a in flow.alpha_sigma(time))
    variance = alpha**2 * SPREAD**2 + sigma**2
    clean = MEAN + alpha * SPREAD**2 / variance * (x - alpha * MEAN)
    noise = sigma / variance * (x - alpha * MEAN)
    return alpha * noise - sigma * clean


def wavy(x: Tensor, time: Tensor) -> Tensor:
    """A denoiser that is far from linear."""
    return torch.sin(3 * x + time[:, None, None]) + 0.5 * x.roll(1, dims=-1).tanh()


def plain_2m(denoise: Callable, noise: Tensor, steps: int) -> Tensor:
    """DPM-Solver++(2M), arXiv 2211.01095, algorithm 2, on x / alpha, in float64."""
    sigmas = torch.linspace(math.log(80.0), math.log(0.03), steps, dtype=torch.float64).exp()
    x, before, h_before = noise.double() * 80.0, None, None
    for i in range(steps):
        s = float(sigmas[i])
        alpha = 1 / math.sqrt(1 + s * s)
        time = torch.full((len(x),), 2 / math.pi * math.atan(s), dtype=torch.float64)
        v = denoise((x * alpha).float(), time.float()).double()
        clean = alpha * (x * alpha) - s * alpha * v
        if i == steps - 1:
            return clean
        h = math.log(s) - math.log(float(sigmas[i + 1]))  # lambda = -log sigma
        estimate = clean
        if before is not None:
            r = h_before / h
            estimate = (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * before
        x = float(sigmas[i + 1]) / s * x - math.expm1(-h) * estimate
        before, h_before = clean, h
    raise AssertionError


@pytest.mark.parametrize("steps", [1, 2, 7, 20])
@pytest.mark.parametrize("denoise", [gaussian, wavy])
def test_2m_follows_the_papers_equations(denoise: Callable, steps: int) -> None:
    noise = item_noise(0, 0, (1, 4, 16))
    result = solve(denoise, noise, steps=steps, **RANGE)
    wanted = plain_2m(denoise, noise, steps)
    assert (result - wanted).abs().max() < 1e-4


def test_2m_sde_equals_another_parametrisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """diffusers' EDM scheduler works on x / alpha with its own preconditioning; same noise in."""
    noise, steps = item_noise(5, 0, (4, 16))[None], 12
    reference = edm.EDMDPMSolverMultistepScheduler(
        sigma_min=0.03, sigma_max=80.0, sigma_data=1.0, sigma_schedule="exponential",
        prediction_type="v_prediction", algorithm_type="sde-dpmsolver++",
    )  # fmt: skip
    reference.set_timesteps(steps)
    reference.sigmas = exponential_sigmas(steps, 0.03, 80.0)
    fresh = iter([item_noise(5, 0, (4, 16), step)[None] for step in range(steps)])
    monkeypatch.setattr(edm, "randn_tensor", lambda *_, **__: next(fresh))
    x = noise * 80.0
    for index, time in enumerate(reference.timesteps):
        scaled = reference.scale_model_input(x, time)
        t = flow.time_of_sigma(reference.sigmas[index : index + 1])
        x = reference.step(wavy(scaled, t), time, x).prev_sample
    result = solve(wavy, noise, sampler="dpmpp-2m-sde", steps=steps, seeds=[(5, 0)], **RANGE)
    assert (result - x).abs().max() < 1e-3


@pytest.mark.parametrize("sampler", samplers_for("v"))
def test_samples_have_the_distribution_of_the_data(sampler: str) -> None:
    noise = torch.stack([item_noise(1, item, (1, 4096)) for item in range(2)])
    seeds = [(1, 0), (1, 1)]
    result = solve(gaussian, noise, sampler=sampler, steps=60, seeds=seeds, **RANGE)
    assert result.mean() == pytest.approx(MEAN, abs=0.04)
    assert result.std() == pytest.approx(SPREAD, abs=0.04)


@pytest.mark.parametrize("sampler", samplers_for("v"))
def test_an_item_alone_equals_the_item_in_a_batch(sampler: str) -> None:
    torch.manual_seed(0)
    config = DiTConfig(
        io_channels=4, width=64, depth=2, heads=2, cond_token_width=32, global_width=8,
        ff_width=64, timestep_frequencies=8, rotary_width=16,
    )  # fmt: skip
    dit = DiT(config).eval()
    for parameter in dit.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    told = Condition(torch.randn(3, 5, 32), None, torch.randn(3, 8))
    null = replace(told, tokens=torch.zeros(3, 5, 32))
    noise = torch.stack([item_noise(9, item, (4, 24)) for item in range(3)])
    settings = {"guidance": Guidance(scale=3.0), "sampler": sampler, "steps": 5, **RANGE}
    seeds = [(9, item) for item in range(3)]
    with torch.no_grad():
        batch = sample(dit, noise, told, null, seeds=seeds, **settings)
        one = [Condition(c.tokens[1:2], None, c.global_[1:2]) for c in (told, null)]
        alone = sample(dit, noise[1:2], *one, seeds=seeds[1:2], **settings)
    assert (alone - batch[1:2]).abs().max() < 1e-4
    assert (batch[0] - batch[1]).abs().max() > 0.1


def test_stochastic_samplers_give_each_item_noise_of_its_own() -> None:
    noise = item_noise(1, 0, (4, 16)).expand(3, -1, -1)
    settings = {"sampler": "dpmpp-2m-sde", "steps": 6, **RANGE}
    rows = solve(wavy, noise, seeds=[(1, 0), (1, 1), (1, 0)], **settings)
    assert torch.equal(rows[0], rows[2])
    assert (rows[0] - rows[1]).abs().max() > 0.1


def test_noise_depends_on_seed_item_and_step_alone() -> None:
    torch.manual_seed(1)
    first = item_noise(3, 2, (4, 50))
    torch.manual_seed(2)
    assert torch.equal(item_noise(3, 2, (4, 50)), first)
    others = [item_noise(4, 2, (4, 50)), item_noise(3, 3, (4, 50)), item_noise(3, 2, (4, 50), 0)]
    assert all((other - first).abs().max() > 0.1 for other in others)
    assert first.dtype == torch.float32 and abs(float(first.std()) - 1) < 0.15


def test_sigmas_fall_evenly_in_log_and_end_at_zero() -> None:
    sigmas = exponential_sigmas(5, 0.01, 100.0)
    torch.testing.assert_close(sigmas, torch.tensor([100.0, 10.0, 1.0, 0.1, 0.01, 0.0]))


def test_an_initial_recording_survives_little_noise_and_not_much() -> None:
    recording = torch.linspace(-1, 1, 64).view(1, 1, 64)
    noise = item_noise(0, 0, (1, 1, 64))
    near = solve(gaussian, noise, steps=20, sigma_min=0.01, sigma_max=0.1, init=recording)
    far = solve(gaussian, noise, steps=20, sigma_min=0.01, sigma_max=100.0, init=recording)
    pure = solve(gaussian, noise, steps=20, sigma_min=0.01, sigma_max=100.0)
    assert (near - recording).abs().mean() < 0.15
    assert (far - pure).abs().mean() < 0.05


def test_progress_is_told_after_every_step() -> None:
    told: list[Progress] = []
    solve(gaussian, torch.randn(1, 1, 8), steps=3, on_progress=told.append, **RANGE)
    assert told == [Progress("denoise", i, 3) for i in (1, 2, 3)]


def test_settings_that_cannot_be_are_refused() -> None:
    noise = torch.zeros(1, 1, 4)
    for changes, message in (
        ({"sampler": "heun"}, "sampler 'heun' is unknown; choose one of dpmpp-2m"),
        ({"sampler": "euler"}, "'euler' does not solve models that predict 'v'; choose one of dpm"),
        ({"objective": "rectified_flow"}, "sigma_max 80.0 is a time here"),
        ({"steps": 0}, "steps 0 must be at least 1"),
        ({"sigma_min": 90.0}, "must rise from above 0"),
    ):
        with pytest.raises(UserError, match=message):
            solve(gaussian, noise, **{"steps": 4, **RANGE, **changes})
    with pytest.raises(UserError, match="interval"):
        Guidance(interval=(0.5, 0.2))
    with pytest.raises(UserError, match="rescale"):
        Guidance(rescale=2.0)


class Told:
    """A model whose velocity is what its tokens say, and which counts its calls."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, x: Tensor, time: Tensor, condition: Condition) -> Tensor:
        self.batches.append(len(x))
        return x * condition.global_[:, :, None] + condition.tokens.sum(dim=(1, 2))[:, None, None]


def test_guidance_mixes_both_branches_in_one_call_inside_its_interval() -> None:
    model = Told()
    told = Condition(torch.full((2, 3, 1), 2.0), None, torch.ones(2, 1))
    null = replace(told, tokens=torch.ones(2, 3, 1), global_=2 * torch.ones(2, 1))
    denoise = guided(model, told, null, Guidance(scale=4.0, interval=(0.2, 0.8)))
    x = torch.randn(2, 1, 5)
    inside, outside = (denoise(x, torch.full((2,), t)) for t in (0.5, 0.9))
    wanted, unwanted = x + 6, 2 * x + 3
    torch.testing.assert_close(inside, unwanted + 4 * (wanted - unwanted))
    torch.testing.assert_close(outside, wanted)
    assert model.batches == [4, 2]
    apart = denoise(x, torch.tensor([0.5, 0.9]))  # as in distillation, where each item has its own
    torch.testing.assert_close(apart, torch.stack([inside[0], outside[1]]))
    assert model.batches.pop() == 4
    for same in (
        guided(model, told, null, Guidance()),
        guided(model, told, None, Guidance(scale=9)),
    ):
        torch.testing.assert_close(same(x, torch.full((2,), 0.5)), wanted)
    assert model.batches[2:] == [2, 2]


def test_a_negative_prompt_may_have_another_length() -> None:
    model = Told()
    told = Condition(torch.full((1, 3, 1), 2.0), None, torch.ones(1, 1))
    negative = Condition(torch.ones(1, 5, 1), None, torch.ones(1, 1))
    x = torch.randn(1, 1, 5)
    result = guided(model, told, negative, Guidance(scale=2.0))(x, torch.tensor([0.5]))
    torch.testing.assert_close(result, x + 7)


def test_rescaling_restores_the_deviation_of_each_frame() -> None:
    wanted = torch.randn(2, 3, 40) * torch.tensor([1.0, 5.0])[:, None, None]
    mixed = 3 * wanted + 1
    full, none = rescaled(mixed, wanted, 1.0), rescaled(mixed, wanted, 0.0)
    torch.testing.assert_close(full.std(dim=1), wanted.std(dim=1))
    torch.testing.assert_close(none, mixed)


def test_projected_guidance_leaves_the_estimate_alone_along_itself() -> None:
    """Velocities that differ along the clean estimate only: nothing is left to exaggerate."""
    x, time = torch.randn(2, 3, 8), torch.full((2,), 0.5)
    condition = Condition(torch.zeros(2, 1, 1), None, torch.zeros(2, 1))

    def model(x: Tensor, time: Tensor, condition: Condition) -> Tensor:
        half = len(x) // 2
        v = torch.zeros_like(x)
        v[half:] = 0.3 * x[half:]  # where v = 0 the clean estimate of a flow is x
        return v

    plain, projected = (
        guided(model, condition, condition, Guidance(scale=5.0, projection=share), "rf_denoiser")
        for share in (0.0, 1.0)
    )
    torch.testing.assert_close(plain(x, time), -1.2 * x)
    torch.testing.assert_close(projected(x, time), torch.zeros_like(x), atol=1e-6, rtol=0)


def straight(x: Tensor, time: Tensor) -> Tensor:
    """The exact velocity of a rectified flow when the data are normal(MEAN, SPREAD^2)."""
    t = time.view(-1, 1, 1)
    variance = (1 - t) ** 2 * SPREAD**2 + t**2
    clean = MEAN + (1 - t) * SPREAD**2 / variance * (x - (1 - t) * MEAN)
    noise = t / variance * (x - (1 - t) * MEAN)
    return noise - clean


@pytest.mark.parametrize("shift", [None, LogSnrShift(per_doubling=0.0)])
@pytest.mark.parametrize("sampler", samplers_for("rectified_flow"))
def test_flows_have_the_distribution_of_the_data(sampler: str, shift: LogSnrShift | None) -> None:
    noise = torch.stack([item_noise(1, item, (1, 4096)) for item in range(2)])
    result = solve(
        straight, noise, objective="rectified_flow", sampler=sampler, steps=60, sigma_max=1.0,
        shift=shift, seeds=[(1, 0), (1, 1)],
    )  # fmt: skip
    assert result.mean() == pytest.approx(MEAN, abs=0.04)
    if sampler != "pingpong":  # which takes posterior means for samples, right for few-step models
        assert result.std() == pytest.approx(SPREAD, abs=0.04)


def test_a_flow_keeps_a_recording_under_little_noise() -> None:
    recording = torch.linspace(-1, 1, 64).view(1, 1, 64)
    noise = item_noise(0, 0, (1, 1, 64))
    settings = {"objective": "rectified_flow", "sampler": "euler", "steps": 20, "init": recording}
    near, far = (solve(straight, noise, sigma_max=start, **settings) for start in (0.1, 1.0))
    pure = solve(straight, noise, sigma_max=1.0, **settings | {"init": None})
    assert (near - recording).abs().mean() < 0.15
    torch.testing.assert_close(far, pure)


@pytest.mark.parametrize(
    ("objective", "sampler", "top"), [("v", "dpmpp-2m", 80.0), ("rf_denoiser", "euler", 1.0)]
)
def test_latents_may_be_replaced_before_each_call(objective: str, sampler: str, top: float) -> None:
    """Half of the frames are held on the path of a recording: there the recording comes out."""
    recording, noise = torch.linspace(-1, 1, 64).view(1, 1, 64), item_noise(0, 0, (1, 1, 64))
    times: list[float] = []

    def hold(x: Tensor, time: float) -> Tensor:
        times.append(time)
        held = flow.noised(recording, noise, torch.tensor([time]), objective)
        return torch.cat([held[..., :32], x[..., 32:]], dim=-1)

    def denoise(x: Tensor, time: Tensor) -> Tensor:
        v = flow.velocity(recording, noise, time, objective)
        return torch.cat([v[..., :32], torch.zeros_like(x[..., 32:])], dim=-1)

    result = solve(
        denoise, noise, objective=objective, sampler=sampler, steps=7, sigma_min=0.03,
        sigma_max=top, between=hold,
    )  # fmt: skip
    torch.testing.assert_close(result[..., :32], recording[..., :32], atol=1e-4, rtol=0)
    assert len(times) == 7 and times == sorted(times, reverse=True)


def test_times_of_a_flow_fall_from_the_start_to_zero() -> None:
    for shift in (None, LogSnrShift(), FluxShift(min_alpha=2.0, max_alpha=5.0)):
        for start in (1.0, 0.4):
            times = flow_times(8, start, 2000, shift)
            assert times[0] == pytest.approx(start) and times[-1] == 0 and len(times) == 9
            assert (times.diff() < 0).all()
    even = torch.logit(flow_times(8, 1.0, 500, None)[1:-1]).diff()
    torch.testing.assert_close(even, torch.full((6,), -1.0))


@pytest.mark.parametrize("objective", ["v", "rectified_flow"])
def test_the_path_its_velocity_and_their_inverses_of(objective: str) -> None:
    clean, noise = torch.randn(2, 3, 4, 5)
    time = torch.tensor([0.01, 0.37, 1.0])
    x = flow.noised(clean, noise, time, objective)
    v = flow.velocity(clean, noise, time, objective)
    torch.testing.assert_close(x[2], noise[2], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(flow.clean_from_velocity(x, v, time, objective), clean)
    torch.testing.assert_close(flow.noise_from_velocity(x, v, time, objective), noise)
    assert not flow.loss(v, clean, noise, time, objective).any()


def test_the_path_its_velocity_and_their_inverses() -> None:
    clean, noise = torch.randn(2, 3, 4, 5)
    time = torch.tensor([0.0, 0.37, 1.0])
    x, v = flow.noised(clean, noise, time), flow.velocity(clean, noise, time)
    torch.testing.assert_close(x[0], clean[0])
    torch.testing.assert_close(x[2], noise[2], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(flow.clean_from_velocity(x, v, time), clean)
    torch.testing.assert_close(flow.noise_from_velocity(x, v, time), noise)
    slope = (flow.noised(clean, noise, time + 1e-3) - flow.noised(clean, noise, time - 1e-3)) / 2e-3
    torch.testing.assert_close(slope, v * math.pi / 2, atol=2e-3, rtol=2e-3)
    loss = flow.loss(v + 0.5, clean, noise, time)
    torch.testing.assert_close(loss, torch.full((3,), 0.25))


def test_time_of_a_noise_level_is_the_references() -> None:
    levels = torch.tensor([0.3, 0.03, 100.0, 500.0, 1000.0])
    wanted = torch.tensor([0.186, 0.019, 0.99363, 0.99873, 0.99936])
    torch.testing.assert_close(flow.time_of_sigma(levels), wanted, atol=5e-4, rtol=0)


def test_time_steps_cover_all_and_favour_the_middle() -> None:
    generator = torch.Generator().manual_seed(0)
    times = torch.stack([flow.draw_times(16, generator) for _ in range(500)])
    uniform = torch.stack([flow.draw_times(16, generator, 0.0) for _ in range(50)])
    assert times.min() >= 0 and times.max() < 1
    assert torch.equal((uniform * 16).long().sort(dim=1).values[0], torch.arange(16))
    middle = ((times > 0.25) & (times < 0.75)).float().mean()
    normal_share = math.erf(math.log(3) / math.sqrt(2))
    assert middle == pytest.approx(0.5 * 0.5 + 0.5 * normal_share, abs=0.02)
    assert (times < 0.05).float().mean() > 0.02


def test_a_mean_moves_the_logit_normal_time_steps_to_more_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    times = torch.stack([flow.draw_times(16, generator, 1.0, 0.5) for _ in range(1000)])
    assert times.median() == pytest.approx(1 / (1 + math.exp(-0.5)), abs=0.01)
    logits = times.logit()
    assert logits.std() == pytest.approx(1.0, abs=0.03)
