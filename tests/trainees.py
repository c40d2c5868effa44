"""Two small models in training, a plain one and a GAN: the loop's tests train these for real.

python trainees.py KIND OUT STEPS [key=value ...]      trains one, as `accelerate launch` would
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from longform.config import from_mapping
from longform.errors import UserError
from longform.train import loop
from longform.train.config import RunConfig
from longform.train.state import State
from longform.train.trainee import Batch, Draw, Part, Trainee

ITEMS = 11  # a prime beside a batch of 4: batches run across the edges of epochs


@dataclass(frozen=True, kw_only=True)
class Config:
    run: RunConfig
    width: int = 8
    poison_step: int = -1


class Layers(nn.Module):
    """Named as a transformer's, for Muon."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, width), nn.GELU(), nn.Dropout(0.2), nn.Linear(width, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Plain(Trainee):
    """Regression with dropout, so that the generator inside the layers counts too."""

    def __init__(self, config: Config) -> None:
        self.config = config
        torch.manual_seed(config.run.seed)
        self.networks = {"model": Layers(config.width)}
        items = torch.Generator().manual_seed(5)
        self.inputs = torch.randn(ITEMS, 6, generator=items)
        self.targets = torch.randn(ITEMS, 3, generator=items)

    def draw(self, draw: Draw) -> Batch:
        chosen = torch.from_numpy(draw.indices(ITEMS, self.config.run.batch))
        noise = torch.randn(len(chosen), 6, generator=draw.generator("noise"))
        inputs = self.inputs[chosen] + 0.1 * noise
        if draw.step == self.config.poison_step and draw.rank == draw.world - 1:
            inputs[1] = torch.inf
        names = [f"item-{number}" for number in chosen.tolist()]
        return {"inputs": inputs, "targets": self.targets[chosen], "ids": names}

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        target = batch["targets"] + 0.1 * torch.randn(batch["targets"].shape, generator=generator)
        error = networks["model"](batch["inputs"]) - target
        return {"loss": error.square().mean(), "absolute": error.abs().mean()}

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        assert not networks["model"].training and not torch.is_grad_enabled()
        return {"error": float((networks["model"](self.inputs) - self.targets).square().mean())}

    def parts(self) -> dict[str, Part]:
        return {"clap": Part(prefix="model.", config={"width": self.config.width})}


class Gan(Plain):
    """Discriminator every step, generator from the third step on; one average, the generator's."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.networks = {
            "generator": self.networks["model"],
            "discriminator": nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(), nn.Linear(8, 1)),
        }

    @property
    def averaged(self) -> tuple[str, ...]:
        return ("generator",)

    def phases(self, step: int) -> tuple[str, ...]:
        return ("discriminator",) if step < 2 else ("discriminator", "generator")

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        for name, network in self.networks.items():
            assert all(p.requires_grad == (name == phase) for p in network.parameters())
        fake = networks["generator"](batch["inputs"])
        if phase == "generator":
            adversarial = -networks["discriminator"](fake).mean()
            distance = (fake - batch["targets"]).square().mean()
            return {"loss": distance + 0.1 * adversarial, "adversarial": adversarial}
        scores = networks["discriminator"](torch.cat([batch["targets"], fake.detach()]))
        real, false = scores.chunk(2)
        return {"loss": (1 - real).relu().mean() + (1 + false).relu().mean()}

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        return {}

    def parts(self) -> dict[str, Part]:
        return {"autoencoder": Part(prefix="generator.", config={}, kind="spectral")}


def run_config(kind: str, out: object, steps: int, **settings: object) -> RunConfig:
    names = ("model",) if kind == "plain" else ("generator", "discriminator")
    plain = {
        "out": str(out),
        "steps": steps,
        "batch": 4,
        "optimisers": {name: {"lr": 0.01, "warmup": 0.5} for name in names},
        "ema": 0.9,
        "log_every": 1,
    }
    return from_mapping(RunConfig, plain | settings)


def make(kind: str, run: RunConfig, **settings: object) -> Plain:
    config = Config(run=run, **settings)  # type: ignore[arg-type]
    return Plain(config) if kind == "plain" else Gan(config)


def train(kind: str, out: object, steps: int, **settings: object) -> State:
    run = run_config(kind, out, steps, **settings)
    return loop.fit(make(kind, run), run)


def resume_worker(rank: int, ports: list[int], folder: str) -> None:
    """One of two processes: a straight run, one in two halves, and one that meets a bad batch."""
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "ACCELERATE_USE_CPU": "true",
    }
    runs = (("straight", 12), ("halves", 5), ("halves", 12))
    for number, (name, steps) in enumerate(runs):
        os.environ["MASTER_PORT"] = str(ports[number])
        state = train("gan", f"{folder}/{name}", steps)
        values = torch.cat([p.flatten() for p in state.networks["generator"].parameters()])
        torch.save(values.detach(), f"{folder}/{name}-{steps}-{rank}.pt")
    os.environ["MASTER_PORT"] = str(ports[len(runs)])
    run = run_config("plain", f"{folder}/bad", 6)
    try:
        loop.fit(make("plain", run, poison_step=3), run)
    except UserError as error:
        assert not torch.distributed.is_initialized()  # or the process may abort as it exits
        Path(f"{folder}/bad-{rank}.txt").write_text(str(error), encoding="utf-8")


def main() -> None:
    import yaml

    kind, out, steps, *pairs = sys.argv[1:]
    settings = {key: yaml.safe_load(value) for key, _, value in (p.partition("=") for p in pairs)}
    own = {key: settings.pop(key) for key in list(settings) if key in ("poison_step", "width")}
    run = run_config(kind, out, int(steps), **settings)
    try:
        loop.fit(make(kind, run, **own), run)
    except UserError as error:
        print(f"UserError: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
