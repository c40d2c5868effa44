"""AdamW with its parameter groups, and learning rates as pure functions of the step."""

import torch
from torch import nn

from longform.train.config import OptimConfig


def learning_rate(config: OptimConfig, step: int, steps: int) -> float:
    """The rate of the update number `step` (from 0) in a run of `steps`.

    `inverse` is InverseLR of stable-audio-tools (training/utils.py), the "exponential ramp-up and
    decay" of Stable Audio (arXiv 2404.10301, section 4):
    (1 - warmup^(k + 1)) * max(final_lr, lr * (1 + k / inv_gamma)^-power).
    """
    if config.schedule == "inverse":
        decayed = config.lr * (1 + step / config.inv_gamma) ** -config.power
        return (1 - config.warmup ** (step + 1)) * max(config.final_lr, decayed)
    ramp = min(1.0, (step + 1) / max(1, config.warmup_steps))
    if config.schedule == "constant" or step < config.warmup_steps:
        return config.lr * ramp
    left = (steps - 1 - step) / max(1, steps - 1 - config.warmup_steps)
    return config.final_lr + (config.lr - config.final_lr) * max(0.0, left)


def adamw(network: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; one-dimensional ones decay only if asked for."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for parameter in network.parameters():
        if parameter.requires_grad:
            groups[config.decay_vectors or parameter.ndim > 1].append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "weight_decay": config.weight_decay if decays else 0.0}
            for decays, parameters in groups.items()
            if parameters
        ],
        lr=config.lr,
        betas=config.betas,
        eps=config.eps,
        fused=True,
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = value


def optimiser_tensors(
    network: nn.Module, optimiser: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    """The state of `optimiser` by parameter name: "<parameter>/exp_avg" and so on."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        f"{names[id(parameter)]}/{key}": value
        for parameter, state in optimiser.state.items()
        for key, value in state.items()
    }


def load_optimiser_tensors(
    network: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Undo `optimiser_tensors`; parameters that were never updated have no state."""
    parameters = dict(network.named_parameters())
    optimiser.state.clear()
    for full, value in tensors.items():
        name, _, key = full.rpartition("/")
        parameter = parameters[name]
        place = parameter.device if key != "step" or parameter.is_cuda else torch.device("cpu")
        optimiser.state[parameter][key] = value.to(place, copy=True)
