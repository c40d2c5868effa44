"""The denoiser in training: random windows of latents, told what is known about them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from torch import Tensor, nn

from longform.checkpoint import load_into
from longform.clap import Clap, Tokenizer
from longform.clap.config import ClapConfig
from longform.config import from_mapping, load_yaml, to_mapping
from longform.dit import flow
from longform.dit.conditioner import Conditioner, Prompts
from longform.dit.config import ConditionerConfig
from longform.dit.denoiser import Denoiser
from longform.dit.grow import grown
from longform.dit.model import DiT
from longform.manifest import Defaults
from longform.train.coder import fingerprint
from longform.train.dit_config import DiTTraining
from longform.train.evaluate.online import listen_to, load_decoder
from longform.train.latents import LatentDataset, LatentItem
from longform.train.loop import fit
from longform.train.pack import read_part
from longform.train.pairs import load_pairs
from longform.train.state import State
from longform.train.text_store import open_store
from longform.train.trainee import Batch, Draw, Part, Trainee
from longform.train.windows import (
    ASKED_SHARE,
    Windows,
    dropped,
    joined,
    pick_caption,
    pick_window,
    prompts_of,
    visits,
)

VALIDATION_TIMES = 8
TAIL_SHARE = 8
"""A window may reach past the end of a long piece by one part in this many of its frames."""


class DiTTrainee(Trainee):
    """One network, `dit`: conditioner and transformer together."""

    name = "dit"

    def __init__(self, config: DiTTraining) -> None:
        self.config = config
        self.latents = LatentDataset(config.latents, "train")
        self.held_out = validation_latents(config.latents, config.validation_items)
        mixes = config.accompany and config.accompany.latents
        self.pairs, self.held_out_pairs = load_pairs(mixes, self.latents)
        self.clap = load_clap(config.clap)
        config.check(self.latents, self.clap.token_width)
        if config.run.evaluate is not None:  # a wrong one is better found before the first step
            load_decoder(config.run.evaluate, self.latents)
        torch.manual_seed(config.run.seed)
        dit = DiT(config.dit)
        dit.latent_mean.copy_(self.latents.mean)
        dit.latent_scale.copy_(latent_scale(self.latents.std, config.whitening))
        dit.transformer.checkpointing = config.gradient_checkpointing
        self.networks = {self.name: Denoiser(dit, Conditioner(config.conditioner))}
        self.visits = visits(self.latents, config.windows[0].frames)
        self.windows = Windows(config.conditioner)

    @property
    def denoiser(self) -> Denoiser:
        """What is trained."""
        denoiser = self.networks[self.name]
        assert isinstance(denoiser, Denoiser)
        return denoiser

    @property
    def defaults(self) -> Defaults:
        """How the model is sampled when it is listened to."""
        return Defaults.of(self.config.dit.objective)

    def prepare(self, device: torch.device) -> None:
        """Compute the text features; one process does it, the others wait and then read them."""
        tokenizer = Tokenizer.load(max_tokens=self.clap.config.text.max_tokens)
        datasets = (self.latents, self.held_out, self.pairs, self.held_out_pairs)
        items = [item for data in datasets if data is not None for item in data.items]
        captions = [text for item in items for text in item.captions]
        path = Path(self.config.run.out) / "text.safetensors"
        with PartialState().main_process_first():
            self.text = open_store(
                path, captions, self.clap.to(device), tokenizer, fingerprint(self.clap)
            )

    def compile(self) -> None:
        """Block by block: all of them share one compiled body, which is made once per shape."""
        for layer in self.denoiser.dit.transformer.layers:
            layer.compile(dynamic=False)

    def draw(self, draw: Draw) -> Batch:
        rng, config = draw.rng("dit"), self.config
        window = pick_window(config.windows, Draw(draw.seed, draw.step).rng("window"))
        size = max(1, config.run.batch * config.windows[0].frames // window.frames)
        numbers = self.visits[draw.indices(len(self.visits), size)]
        answers = self._answers(draw.rng("pairs"), size) if window == config.windows[0] else None
        batches, items = [], []
        if answers is not None:
            batches, items, numbers = [answers[0]], answers[1], numbers[len(answers[1]) :]
        if len(numbers):
            starts = [self._start(self.latents.items[n], window.frames, rng) for n in numbers]
            batches.append(self.windows.batch(self.latents, numbers, starts, window.frames))
            items += [self.latents.items[n] for n in numbers]
        captions = [pick_caption(item, rng, config.dropout.text) for item in items]
        text, mask = self.text.batch(captions)
        batch = dropped(joined(batches), config.dropout, rng)
        return batch | self._path(batch["latents"], draw) | {"text": text, "text_mask": mask}

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        clean, objective = self.standardised(batch["latents"]), self.config.dit.objective
        noise, time = batch["noise"], batch["time"]
        predicted = networks[phase](
            flow.noised(clean, noise, time, objective), time, self.told(batch), batch["drop"]
        )
        return {"loss": flow.loss(predicted, clean, noise, time, objective).mean()}

    @torch.no_grad()
    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Mean losses at fixed times and noise on pieces, with and without their guide, and on
        stems that are asked for in words, with and without the mix that they answer."""
        figures = {}
        frames = self.config.windows[0].frames
        if (data := self.held_out) is not None:
            starts = [max(0, (item.frames - frames) // 2) for item in data.items]
            figures = self._held_out_losses(
                networks[self.name], data, starts, "", self.windows.batch, "guide_mask"
            )
        if (pairs := self.held_out_pairs) is not None:
            starts = [pairs.start(n, frames, np.random.default_rng(n)) for n in range(len(pairs))]

            def asked(*window: Any) -> dict[str, Any]:
                batch = self.windows.answers(pairs, *window[1:])
                rows = torch.ones(len(batch["ids"]), dtype=torch.bool)
                return batch | {"guide_mask": self.windows.only_asked(batch["guide_mask"], rows)}

            figures |= self._held_out_losses(
                networks[self.name], pairs, starts, "accompany_", asked, "context_mask"
            )
        return figures

    def evaluate(self, weights: Mapping[str, Mapping[str, Tensor]]) -> dict[str, float]:
        """Sampled as a user would, in a fresh, uncompiled copy."""
        settings = self.config.run.evaluate
        assert settings is not None
        copy = Denoiser(DiT(self.config.dit), Conditioner(self.config.conditioner))
        load_into(copy, dict(weights[self.name]), "averaged weights")
        decoder = load_decoder(settings, self.latents)
        return listen_to(copy, self.clap, decoder, settings, self.defaults)

    def parts(self) -> dict[str, Part]:
        return {
            "dit": Part(prefix="dit.dit.", config=to_mapping(self.config.dit)),
            "conditioner": Part(
                prefix="dit.conditioner.", config=to_mapping(self.config.conditioner)
            ),
        }

    def grown(
        self, name: str, tensors: dict[str, Tensor], facts: Mapping[str, Any]
    ) -> tuple[dict[str, Tensor], list[str]]:
        """A denoiser that hears less, as one of this configuration; what is new starts at zero."""
        before = from_mapping(ConditionerConfig, facts["parts"]["conditioner"]["config"])
        own = {key.removeprefix("dit."): t for key, t in tensors.items() if key.startswith("dit.")}
        found, new = grown(own, before, self.config.dit, self.config.conditioner)
        return tensors | {f"dit.{key}": tensor for key, tensor in found.items()}, new

    def told(self, batch: Batch) -> Prompts:
        """What the conditioner takes, a context standardised like the latents."""
        told = prompts_of(batch)
        if told.context is None:
            return told
        return replace(told, context=self.standardised(told.context.mT).mT)

    def standardised(self, latents: Tensor) -> Tensor:
        """Latents (b, d, f) of the autoencoder as the denoiser takes them."""
        return self.denoiser.dit.standardise(latents)

    def _path(self, latents: Tensor, draw: Draw) -> dict[str, Tensor]:
        """Noise like the latents (b, d, f) and the times (b,) to which they are noised."""
        generator, config = draw.generator("path"), self.config
        share, mean = config.logit_normal_share, config.logit_normal_mean
        return {
            "noise": torch.randn(latents.shape, generator=generator),
            "time": flow.draw_times(len(latents), generator, share, mean),
        }

    def _answers(
        self, rng: np.random.Generator, size: int
    ) -> tuple[dict[str, Any], list[LatentItem]] | None:
        """Those of the `size` items of a step that answer a mix, if there are any."""
        if self.pairs is None or self.config.accompany is None:
            return None
        count = int(rng.binomial(size, self.config.accompany.share))
        if count == 0:
            return None
        frames = self.config.windows[0].frames
        numbers = rng.integers(len(self.pairs), size=count)
        starts = [self.pairs.start(int(number), frames, rng) for number in numbers]
        batch = self.windows.answers(self.pairs, numbers, starts, frames)
        asked = torch.from_numpy(rng.random(count) < ASKED_SHARE)
        batch["guide_mask"] = self.windows.only_asked(batch["guide_mask"], asked)
        return batch, [self.pairs.items[number] for number in numbers]

    def _held_out_losses(
        self,
        network: nn.Module,
        data: LatentDataset,
        starts: Sequence[int],
        prefix: str,
        make: Callable[..., dict[str, Any]],
        without: str,
    ) -> dict[str, float]:
        """Mean loss of what `make` says of the windows at `starts`, and that without one part."""
        told, free = [], []
        for first in range(0, len(data), self.config.run.batch):
            numbers = np.arange(first, min(first + self.config.run.batch, len(data)))
            items = [data.items[n] for n in numbers]
            chosen = [starts[n] for n in numbers]
            batch = make(data, numbers, chosen, self.config.windows[0].frames)
            text, mask = self.text.batch([next(iter(item.captions), None) for item in items])
            batch |= {"text": text, "text_mask": mask}
            told.append(self._held_out_loss(network, batch, numbers))
            batch[without] = torch.zeros_like(batch[without])
            free.append(self._held_out_loss(network, batch, numbers))
        part = without.removesuffix("_mask")
        return {
            f"{prefix}loss": float(torch.cat(told).mean()),
            f"{prefix}loss_without_{part}": float(torch.cat(free).mean()),
        }

    def _held_out_loss(self, network: nn.Module, batch: Batch, numbers: np.ndarray) -> Tensor:
        device = next(network.parameters()).device
        batch = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch.items()}
        clean, objective = self.standardised(batch["latents"]), self.config.dit.objective
        noise = [
            torch.randn(clean.shape[1:], generator=Draw(0, int(n)).generator()) for n in numbers
        ]
        time = torch.tensor([(n % VALIDATION_TIMES + 0.5) / VALIDATION_TIMES for n in numbers])
        mixed, time = torch.stack(noise).to(device), time.float().to(device)
        predicted = network(flow.noised(clean, mixed, time, objective), time, self.told(batch))
        return flow.loss(predicted, clean, mixed, time, objective).cpu()

    def _start(self, item: LatentItem, frames: int, rng: np.random.Generator) -> int:
        """First frame of a random window; a piece that fits into it is taken from its start."""
        if item.frames <= frames or rng.random() < self.config.start_share:
            return 0
        return int(rng.integers(item.frames - frames + frames // TAIL_SHARE + 1))


def latent_scale(std: Tensor, whitening: float) -> Tensor:
    """Factors (d,) that bring latents of deviation `std` (d,) to a mean variance of 1.

    At `whitening` 1 every channel has variance 1; at 0 all keep their proportions, so that the
    channels that carry most are settled first, at high noise, and fine detail last.
    """
    scale = std.clamp(min=1e-6) ** -whitening
    return scale / (std * scale).square().mean().sqrt()


def load_clap(model: str | Path) -> Clap:
    """The frozen towers of a run folder, a checkpoint or a bundle (by name or path)."""
    part = read_part(model, "clap", lambda text: print(text, file=sys.stderr))
    clap = Clap(from_mapping(ClapConfig, part.config, "clap"))
    load_into(clap, part.tensors, part.source)
    return clap.eval().requires_grad_(False)


def validation_latents(folder: str | Path, count: int) -> LatentDataset | None:
    """Up to `count` held-out items, evenly spread; None where no item is held out."""
    if count == 0:
        return None
    everything = LatentDataset(folder)
    held_out = [item for item in everything.items if item.split == "validation"]
    everything.items = held_out[:: max(1, len(held_out) // count)][:count]
    return everything if everything.items else None


def train(config_path: str | Path, overrides: Sequence[str] = ()) -> State:
    """Train the denoiser as the YAML file says, each override a `dotted.key=value`."""
    config = load_yaml(DiTTraining, config_path, overrides)
    return fit(DiTTrainee(config), config.run)
