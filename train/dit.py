"""The denoiser in training: random windows of latents, told what is known about them."""

import math
import sys
from collections.abc import Mapping, Sequence
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
from longform.dit.denoiser import Denoiser
from longform.dit.model import DiT
from longform.errors import UserError
from longform.music.guide import guide
from longform.music.plan import Plan
from longform.music.theory import Key
from longform.train.coder import fingerprint
from longform.train.dit_config import DiTTraining, Window
from longform.train.evaluate.online import listen_to, load_decoder
from longform.train.latents import LatentDataset, LatentItem
from longform.train.loop import fit
from longform.train.pack import read_part
from longform.train.state import State
from longform.train.text_store import open_store
from longform.train.trainee import Batch, Draw, Part, Trainee

VALIDATION_TIMES = 8
TAIL_SHARE = 8
"""A window may reach past the end of a long piece by one part in this many of its frames."""


class DiTTrainee(Trainee):
    """One network, `dit`: conditioner and transformer together."""

    def __init__(self, config: DiTTraining) -> None:
        self.config = config
        self.latents = LatentDataset(config.latents, "train")
        self.held_out = validation_latents(config.latents, config.validation_items)
        self.clap = load_clap(config.clap)
        config.check(self.latents, self.clap.token_width)
        if config.run.evaluate is not None:  # a wrong one is better found before the first step
            load_decoder(config.run.evaluate, self.latents)
        torch.manual_seed(config.run.seed)
        dit = DiT(config.dit)
        dit.latent_mean.copy_(self.latents.mean)
        dit.latent_scale.copy_(latent_scale(self.latents.std, config.whitening))
        dit.transformer.checkpointing = config.gradient_checkpointing
        self.networks = {"dit": Denoiser(dit, Conditioner(config.conditioner))}
        self.visits = visits(self.latents, config.windows[0].frames)
        self._plans: dict[str, Plan | None] = {}

    def prepare(self, device: torch.device) -> None:
        """Compute the text features; one process does it, the others wait and then read them."""
        tokenizer = Tokenizer.load(max_tokens=self.clap.config.text.max_tokens)
        datasets = [self.latents] + ([self.held_out] if self.held_out else [])
        captions = [text for data in datasets for item in data.items for text in item.captions]
        path = Path(self.config.run.out) / "text.safetensors"
        with PartialState().main_process_first():
            self.text = open_store(
                path, captions, self.clap.to(device), tokenizer, fingerprint(self.clap)
            )

    def compile(self) -> None:
        """Block by block: all of them share one compiled body, which is made once per shape."""
        denoiser = self.networks["dit"]
        assert isinstance(denoiser, Denoiser)
        for layer in denoiser.dit.transformer.layers:
            layer.compile(dynamic=False)

    def draw(self, draw: Draw) -> Batch:
        rng, config = draw.rng("dit"), self.config
        window = pick_window(config.windows, Draw(draw.seed, draw.step).rng("window"))
        size = max(1, config.run.batch * config.windows[0].frames // window.frames)
        numbers = self.visits[draw.indices(len(self.visits), size)]
        starts = [self._start(self.latents.items[n], window.frames, rng) for n in numbers]
        batch = self._batch(self.latents, numbers, starts, window.frames)
        captions = [pick_caption(self.latents.items[n], rng, config.dropout.text) for n in numbers]
        text, mask = self.text.batch(captions)
        return self._dropped(batch, rng) | {"text": text, "text_mask": mask}

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        clean, objective = self._standardise(batch["latents"]), self.config.dit.objective
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        time = flow.draw_times(len(clean), generator, self.config.logit_normal_share)
        time = time.to(clean.device)
        predicted = networks[phase](
            flow.noised(clean, noise, time, objective), time, prompts_of(batch), batch["drop"]
        )
        return {"loss": flow.loss(predicted, clean, noise, time, objective).mean()}

    @torch.no_grad()
    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Mean loss at fixed times and noise: everything told, and without the guide."""
        if self.held_out is None:
            return {}
        told, free = [], []
        count, frames = len(self.held_out), self.config.windows[0].frames
        for first in range(0, count, self.config.run.batch):
            numbers = np.arange(first, min(first + self.config.run.batch, count))
            items = [self.held_out.items[n] for n in numbers]
            middle = [max(0, (item.frames - frames) // 2) for item in items]
            batch = self._batch(self.held_out, numbers, middle, frames)
            text, mask = self.text.batch([next(iter(item.captions), None) for item in items])
            batch |= {"text": text, "text_mask": mask}
            told.append(self._held_out_loss(networks["dit"], batch, numbers))
            batch["guide_mask"] = torch.zeros_like(batch["guide_mask"])
            free.append(self._held_out_loss(networks["dit"], batch, numbers))
        return {
            "loss": float(torch.cat(told).mean()),
            "loss_without_guide": float(torch.cat(free).mean()),
        }

    def evaluate(self, weights: Mapping[str, Mapping[str, Tensor]]) -> dict[str, float]:
        """Sampled as a user would, in a fresh, uncompiled copy."""
        settings = self.config.run.evaluate
        assert settings is not None
        copy = Denoiser(DiT(self.config.dit), Conditioner(self.config.conditioner))
        load_into(copy, dict(weights["dit"]), "averaged weights")
        return listen_to(copy, self.clap, load_decoder(settings, self.latents), settings)

    def parts(self) -> dict[str, Part]:
        return {
            "dit": Part(prefix="dit.dit.", config=to_mapping(self.config.dit)),
            "conditioner": Part(
                prefix="dit.conditioner.", config=to_mapping(self.config.conditioner)
            ),
        }

    def _standardise(self, latents: Tensor) -> Tensor:
        denoiser = self.networks["dit"]
        assert isinstance(denoiser, Denoiser)
        return denoiser.dit.standardise(latents)

    def _held_out_loss(self, network: nn.Module, batch: Batch, numbers: np.ndarray) -> Tensor:
        device = next(network.parameters()).device
        batch = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch.items()}
        clean, objective = self._standardise(batch["latents"]), self.config.dit.objective
        noise = [
            torch.randn(clean.shape[1:], generator=Draw(0, int(n)).generator()) for n in numbers
        ]
        time = torch.tensor([(n % VALIDATION_TIMES + 0.5) / VALIDATION_TIMES for n in numbers])
        mixed, time = torch.stack(noise).to(device), time.float().to(device)
        predicted = network(flow.noised(clean, mixed, time, objective), time, prompts_of(batch))
        return flow.loss(predicted, clean, mixed, time, objective).cpu()

    def _start(self, item: LatentItem, frames: int, rng: np.random.Generator) -> int:
        """First frame of a random window; a piece that fits into it is taken from its start."""
        if item.frames <= frames or rng.random() < self.config.start_share:
            return 0
        return int(rng.integers(item.frames - frames + frames // TAIL_SHARE + 1))

    def _batch(
        self, data: LatentDataset, numbers: np.ndarray, starts: Sequence[int], frames: int
    ) -> dict[str, Any]:
        """Everything that is known about these windows, nothing dropped, without the text."""
        items = [data.items[n] for n in numbers]
        rate_hz = data.latent_rate_hz
        latents = [data.window(int(n), s, frames) for n, s in zip(numbers, starts, strict=True)]
        names = self.config.conditioner.guide_features
        plans = [self._plan(item) if names else None for item in items]
        guides = np.zeros(
            (len(items), frames, self.config.conditioner.feature_channels), np.float32
        )
        for row, (plan, start) in enumerate(zip(plans, starts, strict=True)):
            if plan is not None:
                guides[row] = guide(plan, frames, rate_hz, start / rate_hz)
        given = torch.tensor([plan is not None for plan in plans])
        return {
            "ids": [item.id for item in items],
            "latents": torch.stack(latents),
            "seconds_start": torch.tensor([float(int(start / rate_hz)) for start in starts]),
            "seconds_total": torch.tensor([float(math.ceil(item.seconds)) for item in items]),
            "tempo_bpm": torch.tensor([_number(item, "tempo_bpm", math.nan) for item in items]),
            "key": torch.tensor([_key(item) for item in items]),
            "metre": torch.tensor([int(_number(item, "metre", -1)) for item in items]),
            "guide": torch.from_numpy(guides),
            "guide_mask": given[:, None].repeat(1, len(names)),
        }

    def _dropped(self, batch: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        """The batch with some of what is known taken away, and `drop` for the null branch."""
        rates, count = self.config.dropout, len(batch["latents"])
        features = batch["guide_mask"].shape[1]
        drop = rng.random(count) < rates.condition
        keep = rng.random(count) >= np.where(drop, 0.5, rates.guide)
        rate = rng.random((count, 1)) * (rng.random((count, 1)) < rates.guide_features)
        given = keep[:, None] & (rng.random((count, features)) >= rate)
        absent = torch.from_numpy(rng.random((3, count)) < rates.control)
        return batch | {
            "drop": torch.from_numpy(drop),
            "guide_mask": batch["guide_mask"] & torch.from_numpy(given),
            "tempo_bpm": batch["tempo_bpm"].masked_fill(absent[0], math.nan),
            "key": batch["key"].masked_fill(absent[1], -1),
            "metre": batch["metre"].masked_fill(absent[2], -1),
        }

    def _plan(self, item: LatentItem) -> Plan | None:
        """The plan that a composed piece came with; recordings and effects have none."""
        if item.id not in self._plans:
            text = item.facts.get("plan")
            self._plans[item.id] = None if text is None else Plan.from_json(text)
        return self._plans[item.id]


def latent_scale(std: Tensor, whitening: float) -> Tensor:
    """Factors (d,) that bring latents of deviation `std` (d,) to a mean variance of 1.

    At `whitening` 1 every channel has variance 1; at 0 all keep their proportions, so that the
    channels that carry most are settled first, at high noise, and fine detail last.
    """
    scale = std.clamp(min=1e-6) ** -whitening
    return scale / (std * scale).square().mean().sqrt()


def prompts_of(batch: Batch) -> Prompts:
    """The wishes in a batch, as the conditioner takes them."""
    return Prompts(
        text=batch["text"],
        text_mask=batch["text_mask"],
        seconds_start=batch["seconds_start"],
        seconds_total=batch["seconds_total"],
        frames=batch["latents"].shape[-1],
        tempo_bpm=batch["tempo_bpm"],
        key=batch["key"],
        metre=batch["metre"],
        guide=batch["guide"],
        guide_mask=batch["guide_mask"],
    )


def visits(latents: LatentDataset, frames: int) -> np.ndarray:
    """Item numbers of one epoch: each item once for every window length that it spans."""
    spans = [max(1, round(item.frames / frames)) for item in latents.items]
    return np.repeat(np.arange(len(spans)), spans)


def pick_window(windows: Sequence[Window], rng: np.random.Generator) -> Window:
    """The window of one step, the same on every rank."""
    shares = np.array([window.share for window in windows])
    return windows[int(rng.choice(len(windows), p=shares / shares.sum()))]


def pick_caption(item: LatentItem, rng: np.random.Generator, absent: float) -> str | None:
    """One caption of the item at random; None with probability `absent` or where there is none."""
    dropped = rng.random() < absent
    number = int(rng.integers(max(1, len(item.captions))))
    return None if dropped or not item.captions else item.captions[number]


def load_clap(model: str | Path) -> Clap:
    """The frozen towers of a run folder, a checkpoint or a bundle (by name or path)."""
    from longform.bundle import Bundle

    if (Path(model) / "checkpoints").is_dir() or Path(model).name.startswith("step-"):
        part = read_part(model, "clap", lambda text: print(text, file=sys.stderr))
        clap = Clap(from_mapping(ClapConfig, part.config, "clap"))
        load_into(clap, part.tensors, part.source)
    else:
        clap = Bundle.load(model).clap()
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


def _number(item: LatentItem, name: str, absent: float) -> float:
    value = item.facts.get(name)
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UserError(f"item {item.id!r}: {name} is {value!r}, which is no number")
    return float(value)


def _key(item: LatentItem) -> int:
    """Number of the key: tonic, plus 12 for minor; -1 where it is not known."""
    text = item.facts.get("key")
    if text is None:
        return -1
    key = Key.parse(str(text))
    return key.tonic + 12 * (key.mode == "minor")
