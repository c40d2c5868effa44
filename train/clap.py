"""CLAP in training: random windows of the corpus beside random captions of the same items."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from torch import Tensor, nn

from longform.checkpoint import load_tensors
from longform.clap import Clap, ClapConfig, Tokenizer
from longform.clap.loss import contrastive_loss, gather_ranks
from longform.config import load_yaml, to_mapping
from longform.errors import UserError
from longform.mel import SILENCE
from longform.progress import OnProgress, quiet
from longform.train.clap_vocabulary import TABLE_FILE
from longform.train.config import RunConfig
from longform.train.dataset import Item, scan
from longform.train.loop import fit
from longform.train.mel_store import MelStore, open_store
from longform.train.retrieval import Retrieval, rank, retrieval
from longform.train.state import State
from longform.train.trainee import Batch, Draw, Part, Trainee

__all__ = ["ClapTrainee", "ClapTraining", "Retrieval", "retrieval", "train"]


@dataclass(frozen=True, kw_only=True)
class ClapTraining:
    """A run that trains CLAP on the captioned audio in `corpus`."""

    run: RunConfig
    corpus: str
    clap: ClapConfig = field(default_factory=ClapConfig)
    freeze_table: bool = True
    """Leave the word table as it came from the sentence model, where words of one meaning lie
    together: a word that no caption holds then still means what its neighbours mean."""
    keep_tokens: bool = False
    """What denoisers and planners read of a text (`Clap.text_tokens`) stays as `run.start_from` has
    it, so that those trained on it stay valid; the last text block and the audio tower learn."""
    gain_db: float = 6.0
    """Each window is made louder or softer by up to this much."""
    validation_items: int = 256

    def __post_init__(self) -> None:
        if self.keep_tokens and self.run.start_from is None:
            raise UserError("keep_tokens: true needs run.start_from, which gives the text tower")


class ClapTrainee(Trainee):
    """One network, one loss."""

    def __init__(self, config: ClapTraining, on_progress: OnProgress = quiet) -> None:
        self.config = config
        self.tokenizer = Tokenizer.load(max_tokens=config.clap.text.max_tokens)
        torch.manual_seed(config.run.seed)
        clap = Clap(config.clap)
        start_table(clap, self.tokenizer)
        clap.text.table.requires_grad_(not config.freeze_table)
        if config.keep_tokens:
            clap.text.freeze_tokens()
        self.networks = {"clap": clap}
        self.items = captioned(config.corpus, "train")
        self.held_out = captioned(config.corpus, "validation")[: config.validation_items]
        self._on_progress = on_progress

    def prepare(self, device: torch.device) -> None:
        """Make the spectrograms; one process does it, the others wait and then read them."""
        folder = Path(self.config.run.out) / "mel"
        with PartialState().main_process_first():
            self.store = self._open(folder / "train", self.items)
            self.held_out_store = self._open(folder / "validation", self.held_out)

    def draw(self, draw: Draw) -> Batch:
        rng = draw.rng("clap")
        chosen = draw.indices(len(self.items), self.config.run.batch)
        items = [self.items[number] for number in chosen]
        texts = [str(rng.choice(item.captions)) for item in items]
        tokens, mask = self.tokenizer(texts)
        return {
            "ids": [item.id for item in items],
            "mel": torch.stack([self._window(number, rng) for number in chosen]),
            "tokens": tokens,
            "mask": mask,
            "group": torch.tensor([zlib.crc32(row.numpy().tobytes()) for row in tokens]),
        }

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        audio, text, scale = networks[phase](batch["mel"], batch["tokens"], batch["mask"])
        audio, text, group = (gather_ranks(part) for part in (audio, text, batch["group"]))
        return {"loss": contrastive_loss(audio, text, scale, group), "scale": scale}

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        if not self.held_out:
            return {}
        clap = networks["clap"]
        assert isinstance(clap, Clap)
        device = next(clap.parameters()).device
        mels = (self.held_out_store.whole(number) for number in range(len(self.held_out)))
        audio = torch.cat([clap.embed_audio(mel[None].to(device)) for mel in mels])
        texts = [item.captions[0] for item in self.held_out]
        tokens, mask = self.tokenizer(texts)
        text = clap.embed_text(tokens.to(device), mask.to(device))
        return rank(audio, text, texts).figures()

    def parts(self) -> dict[str, Part]:
        return {"clap": Part(prefix="clap.", config=to_mapping(self.config.clap))}

    def _open(self, folder: Path, items: Sequence[Item]) -> MelStore:
        return open_store(folder, items, self.config.clap.audio, self._on_progress)

    def _window(self, number: int, rng: np.random.Generator) -> Tensor:
        """A random window of an item at a random level; a short item is repeated to fill it."""
        size, frames = self.config.clap.audio.window_frames, int(self.store.frames[number])
        start = int(rng.integers(max(0, frames - size) + 1))
        mel = self.store.window(number, start, size)
        if frames < size:
            mel = mel.repeat(1, -(-size // frames))[:, :size]
        level = rng.uniform(-self.config.gain_db, self.config.gain_db) / 20.0
        return (mel + level).clamp(min=SILENCE)


def captioned(folder: str | Path, split: str) -> list[Item]:
    """The items of one split that have a caption."""
    items = [item for item in scan(folder) if item.captions and item.split == split]
    if not items and split == "train":
        raise UserError(f"corpus {str(folder)!r}: no audio with captions to train on")
    return items


def start_table(clap: Clap, tokenizer: Tokenizer) -> None:
    """Begin with the words of the sentence model, or with their first principal components."""
    table = load_tensors(TABLE_FILE)["table"].float()
    config = clap.config.text
    if config.vocabulary != len(tokenizer):
        raise UserError(
            f"clap.text.vocabulary is {config.vocabulary}; the tokenizer has {len(tokenizer)} words"
        )
    if config.table_width > table.shape[1]:
        raise UserError(
            f"clap.text.table_width is {config.table_width}; the word table has {table.shape[1]}"
        )
    with torch.no_grad():
        clap.text.table.weight.copy_(table[:, : config.table_width])


def train(
    config_path: str | Path, overrides: Sequence[str] = (), on_progress: OnProgress = quiet
) -> State:
    """Train CLAP as the YAML file says, each override a `dotted.key=value`."""
    config = load_yaml(ClapTraining, config_path, overrides)
    return fit(ClapTrainee(config, on_progress), config.run)
