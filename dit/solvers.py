"""One step of each solver: from x_t and the velocity there to x at the next time.

`times` (steps + 1) fall to 0; the levels of "v" are sigma / alpha and fall to 0 as well.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from longform.dit.config import Objective

Step = Callable[[Tensor, Tensor, int, Tensor | None], Tensor]
"""(x_t, velocity, number of the step, fresh noise), all (b, d, f) -> x at the next time."""


def euler(times: Tensor) -> Step:
    """Euler's method on a flow: x + (t' - t) v."""

    def step(x: Tensor, v: Tensor, index: int, _: Tensor | None) -> Tensor:
        return x + (times[index + 1] - times[index]) * v

    return step


def ping_pong(times: Tensor) -> Step:
    """To the clean estimate, and back under fresh noise (arXiv 2505.08175); on a flow."""

    def step(x: Tensor, v: Tensor, index: int, fresh: Tensor | None) -> Tensor:
        assert fresh is not None
        clean = x - times[index] * v
        return (1 - times[index + 1]) * clean + times[index + 1] * fresh

    return step


def multistep(levels: Tensor, objective: Objective, *, stochastic: bool, order: int = 2) -> Step:
    """DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2) and its SDE, through diffusers' scheduler.

    Args:
        levels: sigma / alpha for "v", times for flows, (steps + 1), falling to 0
        order: 1 is DDIM (arXiv 2010.02502, eq. 12 without noise; arXiv 2211.01095, section 4.1)
    """
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    kind: dict[str, Any] = {"prediction_type": "v_prediction"}
    if objective != "v":
        kind = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
    scheduler = DPMSolverMultistepScheduler(
        solver_order=order,
        algorithm_type="sde-dpmsolver++" if stochastic else "dpmsolver++",
        final_sigmas_type="zero",
        **kind,
    )
    scheduler.set_timesteps(len(levels) - 1)
    scheduler.sigmas = levels
    scheduler.timesteps = torch.arange(len(levels) - 1)
    scheduler.set_begin_index(0)

    def step(x: Tensor, v: Tensor, index: int, fresh: Tensor | None) -> Tensor:
        return scheduler.step(v, index, x, variance_noise=fresh, return_dict=False)[0]

    return step


def third_order_sde(levels: Tensor) -> Step:
    """SDE-DPM-Solver++(3M) on y = x / alpha, for "v"; levels sigma / alpha, (steps + 1).

    As k-diffusion has it. That of diffusers is not taken: the sign within its last term differs, so
    that the term does not vanish for small steps.
    """
    past: list[tuple[Tensor, Tensor]] = []  # clean estimates and step widths, the latest first
    levels = levels.double()

    def step(x: Tensor, v: Tensor, index: int, fresh: Tensor | None) -> Tensor:
        assert fresh is not None
        level, following = levels[index], levels[index + 1]
        alpha = (1 + level**2).rsqrt()
        clean = float(alpha) * x - float(level * alpha) * v
        if following == 0:
            return clean
        h = (level / following).log()
        decay = (-2 * h).exp()
        y = float(decay / alpha) * x + float(1 - decay) * clean + _correction(clean, h, past)
        y = y + float(following * (1 - decay).sqrt()) * fresh
        past[:] = [(clean, h), *past[:1]]
        return y * float((1 + following**2).rsqrt())

    return step


def _correction(clean: Tensor, h: Tensor, past: list[tuple[Tensor, Tensor]]) -> Tensor:
    """What the last clean estimates say about how the estimate moves within the step."""
    if not past:
        return torch.zeros_like(clean)
    second = 1 + torch.expm1(-2 * h) / (2 * h)
    before, h_before = past[0]
    r0 = float(h_before / h)
    slope = (clean - before) / r0
    if len(past) == 1:
        return float(second) * slope
    earlier, h_earlier = past[1]
    r1 = float(h_earlier / h)
    bend = (slope - (before - earlier) / r1) / (r0 + r1)
    third = second / (2 * h) - 0.5
    return float(second) * (slope + r0 * bend) - float(third) * bend
