"""Optimisers with their parameter groups, and learning rates as pure functions of the step."""

from collections.abc import Iterable

import torch
from torch import nn

from longform.errors import UserError
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


def make_optimiser(network: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser of `config.kind` over the trainable parameters of `network`.

    Raises:
        UserError: there is nothing for Muon in this network.
    """
    if config.kind == "muon":
        return MuonAdamW(network, config)
    return adamw(network.parameters(), config)


def adamw(parameters: Iterable[nn.Parameter], config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over the trainable ones; one-dimensional ones decay only if asked for."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for parameter in parameters:
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


HIDDEN = {"layers", "stages"}
"""Lists of a network that hold what is neither its input nor its output."""


class MuonAdamW(torch.optim.Optimizer):
    """Muon for the matrices inside a network's layers or stages, AdamW for everything else.

    Muon (K. Jordan 2024) moves a matrix by its momentum (0.95, Nesterov) made orthogonal. Its
    updates are scaled by 0.2 sqrt(max(rows, columns)), so that they are as large as AdamW's (arXiv
    2502.16982, eq. 4): rate, decay and schedule of `config` serve both.

    Raises:
        UserError: no trainable matrix of `network` lies in a list of these names.
    """

    def __init__(self, network: nn.Module, config: OptimConfig) -> None:
        named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        matrices = [p for name, p in named if p.ndim == 2 and HIDDEN & set(name.split("."))]
        if not matrices:
            places = " or ".join(sorted(HIDDEN))
            raise UserError(f"kind: muon: this network has no matrices in {places}; use adamw")
        taken = {id(parameter) for parameter in matrices}
        self.muon = torch.optim.Muon(
            matrices,
            lr=config.lr,
            weight_decay=config.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adamw = adamw([p for _, p in named if id(p) not in taken], config)
        super().__init__([parameter for _, parameter in named], {})
        self.param_groups = [*self.muon.param_groups, *self.adamw.param_groups]
        self.muon.state = self.adamw.state = self.state

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update by the gradients there are."""
        self.muon.step()
        self.adamw.step()


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
