"""Exponential moving average of a network's parameters, kept in float32."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def decay_at(step: int, decay: float, warmup: str) -> float:
    """The decay of the update after `step` steps: young averages forget faster.

    `ratio`: min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage.
    `power`: min(decay, 1 - (1 + step)^(-3/4)), the warm-up of the Stable Audio trainers.
    """
    young = (1 + step) / (10 + step) if warmup == "ratio" else 1 - (1 + step) ** -0.75
    return min(decay, young)


class Ema:
    """The average of one network. bfloat16 would not do: small updates round to nothing."""

    def __init__(self, network: nn.Module, decay: float, warmup: str) -> None:
        self.network, self.decay, self.warmup = network, decay, warmup
        self.shadow = {
            name: parameter.detach().float().clone()
            for name, parameter in network.named_parameters()
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the network's present parameters, after `step` completed steps."""
        live = [parameter.detach().float() for parameter in self.network.parameters()]
        weight = 1 - decay_at(step, self.decay, self.warmup)
        shadow = list(self.shadow.values())
        torch._foreach_lerp_(shadow, live, weight)  # pyright: ignore[reportPrivateImportUsage]

    @contextmanager
    def swapped(self) -> Iterator[nn.Module]:
        """Lend the averaged parameters to the network; its own come back bit for bit."""
        own = [parameter.detach().clone() for parameter in self.network.parameters()]
        _copy(self.network, self.shadow.values())
        try:
            yield self.network
        finally:
            _copy(self.network, own)

    def tensors(self) -> dict[str, Tensor]:
        """A whole state dict of the network: averaged parameters and its present buffers."""
        state = {name: value.detach() for name, value in self.network.state_dict().items()}
        return state | {name: self.shadow[name] for name in state if name in self.shadow}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned."""
        for name, value in self.shadow.items():
            value.copy_(tensors[name])


@torch.no_grad()
def _copy(network: nn.Module, values: Iterable[Tensor]) -> None:
    for parameter, value in zip(network.parameters(), values, strict=True):
        parameter.copy_(value)
