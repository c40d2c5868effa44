"""The planner in training: captions in, plans out, one token after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.clap import Tokenizer
from longform.config import load_yaml, to_mapping
from longform.errors import UserError
from longform.planner import Planner, PlannerConfig
from longform.planner.writer import Writer
from longform.train.config import RunConfig
from longform.train.dit import load_clap
from longform.train.loop import fit
from longform.train.planner_figures import obedience, typicality
from longform.train.planner_pieces import Pieces
from longform.train.state import State
from longform.train.trainee import Batch, Draw, Part, Trainee

SORTED_STEPS = 8
"""The pieces of so many steps are dealt by length, so that a batch is hardly padded."""
NO_TARGET = -100


@dataclass(frozen=True, kw_only=True)
class PlannerTraining:
    """A run that trains the planner on plans that the songbook composes."""

    run: RunConfig
    clap: str
    """A run folder or a bundle, whose text tower the planner reads."""
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    pieces: int = 100_000
    validation_pieces: int = 256
    written_pieces: int = 32
    """Held-out captions for which whole plans are written at a validation."""
    seed: int = 0
    """Of the pieces."""

    def __post_init__(self) -> None:
        if min(self.pieces, self.validation_pieces, self.written_pieces) < 1:
            raise UserError("pieces, validation_pieces and written_pieces must be at least 1")


class PlannerTrainee(Trainee):
    """One network, `planner`; the text tower is frozen."""

    def __init__(self, config: PlannerTraining) -> None:
        self.config = config
        self.clap = load_clap(config.clap)
        if self.clap.token_width != config.planner.text_width:
            raise UserError(
                f"planner.text_width is {config.planner.text_width}; the text tower of "
                f"{config.clap!r} has {self.clap.token_width}"
            )
        self.tokenizer = Tokenizer.load(max_tokens=self.clap.config.text.max_tokens)
        torch.manual_seed(config.run.seed)
        self.planner = Planner(config.planner)
        self.networks = {"planner": self.planner}
        self.pieces = Pieces(config.seed, self.planner.vocabulary)

    def prepare(self, device: torch.device) -> None:
        self.clap.to(device)

    def draw(self, draw: Draw) -> Batch:
        rng = draw.rng("planner")
        numbers = self._dealt(draw)
        captions = [str(rng.choice(self.pieces[int(number)].captions)) for number in numbers]
        return self.batch(numbers, captions)

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        logits = networks[phase](*self.inputs(batch))
        return {"loss": F.cross_entropy(logits.mT, batch["targets"], ignore_index=NO_TARGET)}

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """Loss, grammar and header on all held-out pieces; whole plans for a few of them."""
        planner = networks["planner"]
        assert isinstance(planner, Planner)
        first = self.config.pieces
        held_out = range(first, first + self.config.validation_pieces)
        losses, counts = 0.0, 0
        figures: dict[str, list[float]] = {}
        for start in range(0, len(held_out), self.config.run.batch):
            numbers = np.array(held_out[start : start + self.config.run.batch])
            captions = [self.pieces[int(number)].captions[0] for number in numbers]
            batch = self.batch(numbers, captions)
            device = next(planner.parameters()).device
            batch = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch.items()}
            logits = planner(*self.inputs(batch)).float().cpu()
            targets = batch["targets"].cpu()
            loss = F.cross_entropy(logits.mT, targets, ignore_index=NO_TARGET, reduction="sum")
            losses, counts = losses + float(loss), counts + int((targets != NO_TARGET).sum())
            for name, found in obedience(planner.vocabulary, logits, targets, captions).items():
                figures.setdefault(name, []).extend(found)
        written = held_out[: self.config.written_pieces]
        return {
            "loss": losses / counts,
            **{name: float(np.mean(found)) for name, found in figures.items() if found},
            **typicality(Writer(planner, self.encode_text), self.pieces, written),
        }

    def parts(self) -> dict[str, Part]:
        return {"planner": Part(prefix="planner.", config=to_mapping(self.config.planner))}

    def batch(self, numbers: np.ndarray, captions: Sequence[str]) -> dict[str, Any]:
        """Tokens from "start" on, countdowns and targets of pieces, padded to the longest."""
        pieces = [self.pieces[int(number)] for number in numbers]
        longest = max(len(piece.tokens) for piece in pieces)
        tokens = torch.full((len(pieces), longest), self.planner.vocabulary.token("start"))
        left = torch.zeros(len(pieces), longest, 2, dtype=torch.long)
        targets = torch.full((len(pieces), longest), NO_TARGET)
        for row, piece in enumerate(pieces):
            plan = torch.from_numpy(piece.tokens)
            tokens[row, 1 : len(plan)] = plan[:-1]
            left[row, : len(plan)] = torch.from_numpy(piece.left)
            targets[row, : len(plan)] = plan
        ids, mask = self.tokenizer(list(captions))
        return {
            "ids": [f"piece {number}" for number in numbers],
            "text": ids,
            "text_mask": mask,
            "seconds": torch.tensor([piece.seconds for piece in pieces]),
            "tokens": tokens,
            "left": left,
            "targets": targets,
        }

    @torch.no_grad()
    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the network takes: the captions as the text tower reads them, and the plans."""
        text = self.clap.text_tokens(batch["text"], batch["text_mask"])
        return text, batch["text_mask"], batch["seconds"], batch["tokens"], batch["left"]

    @torch.no_grad()
    def encode_text(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Prompts to text features (b, n, w) and their mask (b, n)."""
        device = next(self.clap.parameters()).device
        ids, mask = self.tokenizer(list(prompts))
        return self.clap.text_tokens(ids.to(device), mask.to(device)), mask

    def _dealt(self, draw: Draw) -> np.ndarray:
        """The pieces of one step, all about as long as each other."""
        size, first = self.config.run.batch, draw.step - draw.step % SORTED_STEPS
        steps = range(first, first + SORTED_STEPS)
        drawn = [Draw(draw.seed, step, draw.rank, draw.world) for step in steps]
        numbers = np.concatenate([one.indices(self.config.pieces, size) for one in drawn])
        lengths = [len(self.pieces[int(number)].tokens) for number in numbers]
        numbers = numbers[np.argsort(lengths, kind="stable")]
        hands = Draw(draw.seed, first, draw.rank).rng("hands").permutation(SORTED_STEPS)
        hand = int(hands[draw.step - first])
        return numbers[hand * size : (hand + 1) * size]


def train(config_path: str | Path, overrides: Sequence[str] = ()) -> State:
    """Train the planner as the YAML file says, each override a `dotted.key=value`."""
    config = load_yaml(PlannerTraining, config_path, overrides)
    return fit(PlannerTrainee(config), config.run)
