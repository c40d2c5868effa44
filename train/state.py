"""Everything a run needs to go on exactly where it stopped."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from longform.checkpoint import load_into
from longform.config import to_mapping
from longform.errors import UserError
from longform.train import checkpoints
from longform.train.config import RunConfig
from longform.train.ema import Ema
from longform.train.optim import load_optimiser_tensors, make_optimiser, optimiser_tensors
from longform.train.trainee import Trainee

Grown = Callable[[str, dict[str, Tensor], dict[str, Any]], tuple[dict[str, Tensor], list[str]]]
"""`Trainee.grown`."""


@dataclass
class State:
    """Networks, optimisers and averages by network name, and how far the run is.

    There is no data position and no random state: both are pure functions of the step.
    """

    networks: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]
    averages: dict[str, Ema]
    step: int = 0
    seconds: float = 0.0
    """Time spent training, over all sessions."""
    shards: int = 1
    """Processes times accumulated micro-batches: what the data order depends on."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the checkpoint says about the model: its bundle parts and its config."""

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """By checkpoint file, then by "<network>.<parameter>"."""
        return {
            "networks": _joined({n: dict(m.state_dict()) for n, m in self.networks.items()}),
            "ema": _joined({n: ema.tensors() for n, ema in self.averages.items()}),
            "optimisers": _joined(
                {n: optimiser_tensors(self.networks[n], o) for n, o in self.optimisers.items()}
            ),
        }

    def save(self, folder: Path, keep: int) -> Path:
        facts = {"seconds": self.seconds, "shards": self.shards, **self.facts}
        return checkpoints.save(folder, self.step, self.tensors(), facts, keep)

    def load(self, checkpoint: Path) -> dict[str, Any]:
        """Take over everything in `checkpoint`; returns its facts."""
        facts = checkpoints.read_facts(checkpoint)
        networks = _split(checkpoints.read(checkpoint, "networks"))
        averages = _split(checkpoints.read(checkpoint, "ema"))
        optimisers = _split(checkpoints.read(checkpoint, "optimisers"))
        for name, network in self.networks.items():
            load_into(network, networks.get(name, {}), f"{checkpoint}: {name}")
            load_optimiser_tensors(network, self.optimisers[name], optimisers.get(name, {}))
        for name, ema in self.averages.items():
            ema.load(averages[name])
        self.step, self.seconds = facts["step"], facts["seconds"]
        return facts

    def start_from(self, source: str, grown: Grown, say: checkpoints.Say) -> list[str]:
        """Begin with the weights of a run (averaged where it has them), a checkpoint or a bundle.

        Optimiser and step are not taken over. A bundle may lack a network as a whole, such as the
        discriminator: it stays as it was initialised.

        Returns:
            What is new in the networks.

        Raises:
            UserError: `source` lacks one of the networks, or one has another shape.
        """
        is_run = checkpoints.is_run(source)
        networks, facts = _of_run(source, say) if is_run else self._of_bundle(source)
        added = []
        for name, network in self.networks.items():
            if name not in networks and not is_run:
                added.append(f"network {name!r}")
                continue
            if name in networks:
                networks[name], new = grown(name, networks[name], facts)
                added += new
            load_into(network, networks.get(name, {}), f"start_from {source}: {name}")
        for name, ema in self.averages.items():
            if name in networks:
                ema.load(networks[name])
        return added

    def _of_bundle(self, source: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """The networks of which a bundle holds parts, and what a checkpoint would say of them."""
        from longform.train.pack import read_part

        found: dict[str, Tensor] = {}
        parts: dict[str, Any] = {}
        for name, part in self.facts["parts"].items():
            held = read_part(source, name)
            found |= {part["prefix"] + key: tensor for key, tensor in held.tensors.items()}
            parts[name] = {"config": held.config}
        return _split(found), {"parts": parts}


def build(trainee: Trainee, run: RunConfig) -> State:
    """A fresh state at step 0.

    Raises:
        UserError: the optimisers of the config are not those of the trainee's networks.
    """
    if run.optimisers.keys() != trainee.networks.keys():
        raise UserError(
            f"run.optimisers names {', '.join(sorted(run.optimisers)) or 'nothing'}, but the "
            f"networks are {', '.join(sorted(trainee.networks))}; give each one its entry"
        )
    names = trainee.averaged if run.ema > 0 else ()
    return State(
        networks=trainee.networks,
        optimisers={n: make_optimiser(m, run.optimisers[n]) for n, m in trainee.networks.items()},
        averages={n: Ema(trainee.networks[n], run.ema, run.ema_warmup) for n in names},
        facts={
            "parts": {name: asdict(part) for name, part in trainee.parts().items()},
            "config": to_mapping(trainee.config),
        },
    )


def _of_run(
    source: str, say: checkpoints.Say
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The networks of a run's newest checkpoint, averaged where they were, and its facts."""
    checkpoint = checkpoints.resolve(source, say)
    networks = _split(checkpoints.read(checkpoint, "networks"))
    networks |= _split(checkpoints.read(checkpoint, "ema"))
    return networks, checkpoints.read_facts(checkpoint)


def _joined(groups: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value for name, group in groups.items() for key, value in group.items()
    }


def _split(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {}
    for full, value in tensors.items():
        name, _, key = full.partition(".")
        groups.setdefault(name, {})[key] = value
    return groups
