"""What the training loop asks of a model in training, and the one source of its randomness."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longform.errors import UserError

Batch = Mapping[str, Any]
"""Tensors by name. A key "ids" (list of str), where present, is named when a loss is not finite."""


@dataclass(frozen=True)
class Draw:
    """The source of every random choice of one step on one rank: a pure function of its numbers.

    With gradient accumulation over k micro-batches the loop counts k * processes ranks, so that
    accumulating equals training on more processes.
    """

    seed: int
    step: int
    rank: int = 0
    world: int = 1

    def rng(self, name: str = "") -> np.random.Generator:
        """A NumPy generator; different names give independent streams."""
        return np.random.default_rng(self._number(name, 16))

    def generator(self, name: str = "") -> torch.Generator:
        """A CPU generator, so that a seed means the same on every device."""
        return torch.Generator().manual_seed(self._number(name, 8) >> 1)

    def indices(self, n: int, batch: int) -> np.ndarray:
        """The `batch` item numbers (of `n`) that this step and rank train on."""
        return epoch_indices(self.seed, n, batch, self.step, self.rank, self.world)

    def _number(self, name: str, size: int) -> int:
        text = f"{self.seed}/{self.step}/{self.rank}/{name}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "little")


def epoch_indices(
    seed: int, n: int, batch: int, step: int, rank: int = 0, world: int = 1
) -> np.ndarray:
    """Item numbers of one batch: every epoch visits each of `n` items once, in its own order.

    Batches run on across the edge of an epoch, and the ranks of a step take neighbouring slices.
    """
    first = (step * world + rank) * batch
    positions = np.arange(first, first + batch)
    return np.array([_permutation(seed, int(p) // n, n)[int(p) % n] for p in positions])


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    return Draw(seed, epoch).rng("epoch").permutation(n)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a bundle inside a checkpoint: the tensors whose names begin with `prefix`.

    `prefix` includes the network's name and the dots ("generator.", "model.dit."); it is cut off.
    """

    prefix: str
    config: dict[str, Any]
    kind: str | None = None


class Trainee(ABC):
    """A model in training: subclasses set `config` and `networks` and fill in the abstract methods.

    Call `torch.manual_seed(config.run.seed)` before building the networks.
    """

    config: Any
    """The frozen dataclass that is written to the run folder; it holds `run: RunConfig`."""
    networks: dict[str, nn.Module]
    """What is trained, one optimiser each under the same name; frozen helpers are not here."""

    @property
    def averaged(self) -> Sequence[str]:
        """Names of the networks of which an exponential moving average is kept."""
        return tuple(self.networks)

    def phases(self, step: int) -> tuple[str, ...]:
        """Networks to update in this step, in order; in each phase all the others are frozen."""
        return tuple(self.networks)

    def prepare(self, device: torch.device) -> None:
        """Called once before the first step: move frozen helpers to `device`."""
        return

    def compile(self) -> None:
        """Compile in place (`module.compile()`); override it to leave some modules out."""
        for network in self.networks.values():
            network.compile()

    @abstractmethod
    def draw(self, draw: Draw) -> Batch:
        """The batch of one step, on the CPU: a pure function of `draw`.

        Runs in a prefetch thread, so it must not touch the networks or any global generator.
        """

    @abstractmethod
    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Losses of one phase: the key "loss" is what is minimised, the others are only logged.

        Args:
            phase: name of the network that is updated.
            networks: the prepared networks. Call them (`networks[name](...)`), never their methods:
                the call carries autocast (results are float32 again) and gradient exchange. Call
                the updated network once per phase.
            batch: what `draw` returned, on the training device.
            generator: CPU generator for noise and time steps.
        """

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Figures on held-out items; `networks` hold averaged weights, in eval mode, no grad."""
        return {}

    def evaluate(self, weights: Mapping[str, Mapping[str, Tensor]]) -> dict[str, float]:
        """`longform.train.config.EVALUATION_FIGURES` of what averaged weights make, by network.

        The networks in training stay as they are: it works on copies.

        Raises:
            UserError: nothing can be heard of this model alone.
        """
        raise UserError("run.evaluate: only the denoiser can be evaluated while it trains")

    def grown(
        self, name: str, tensors: dict[str, Tensor], facts: Mapping[str, Any]
    ) -> tuple[dict[str, Tensor], list[str]]:
        """Weights of network `name` of the run that this one starts from, as this one needs them.

        Args:
            facts: what the checkpoint says, its parts with their configs among it

        Returns:
            The weights and the names of what had to be added to them; all else must fit as it is.
        """
        return tensors, []

    @abstractmethod
    def parts(self) -> dict[str, Part]:
        """What goes into a bundle, by part name: autoencoder, clap, dit, conditioner."""
