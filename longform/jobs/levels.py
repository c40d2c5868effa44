"""How a strength from 0 to 1 names a noise level of a model, and how many steps lie below it."""

import math

from longform.engine import Engine

LEAST_STEPS = 8


def level_of(engine: Engine, strength: float) -> float:
    """The `sigma_max` at which denoising starts: strength is the time t of the model's path.

    For "v" that is sigma / alpha = tan(pi t / 2), at most the model's own largest; for flows the
    time itself.
    """
    if engine.dit.config.objective != "v":
        return strength
    return min(math.tan(math.pi / 2 * min(strength, 0.9999)), engine.defaults.sigma_max)


def denoises(engine: Engine, level: float) -> bool:
    """Whether there is anything to do below this level."""
    return level > (engine.defaults.sigma_min if engine.dit.config.objective == "v" else 0.0)


def steps_below(engine: Engine, full: int, level: float) -> int:
    """The share of the `full` steps that lies below `level`, but not fewer than a few."""
    share = level
    if engine.dit.config.objective == "v":  # levels are even in log sigma
        low, high = math.log(engine.defaults.sigma_min), math.log(engine.defaults.sigma_max)
        share = (math.log(level) - low) / (high - low)
    return max(round(full * share), min(LEAST_STEPS, full))
