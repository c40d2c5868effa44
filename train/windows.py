"""Windows of latents as batches: everything that is known about them, and what is kept back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longform.dit.conditioner import Prompts
from longform.dit.config import ConditionerConfig
from longform.errors import UserError
from longform.music.guide import FEATURES, GUIDE_CHANNELS, MELODY, guide
from longform.music.melody import melody_lines, read_notes
from longform.music.plan import Plan
from longform.music.theory import Key
from longform.train.dit_config import Dropout, Window
from longform.train.latents import LatentDataset, LatentItem
from longform.train.pairs import PairDataset
from longform.train.trainee import Batch

ASKED_FEATURES = ("families", "music")
"""All of the guide that is known when a stem is asked for in words."""
ASKED_SHARE = 0.5
"""Share of the stems in training that are told no more of the guide than that."""


class Windows:
    """Makes batches for one conditioner; the guides of pieces are drawn once."""

    def __init__(self, conditioner: ConditionerConfig) -> None:
        self.config = conditioner
        self.features = tuple(one.name for one in conditioner.guide_features)
        self._drawn: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def batch(
        self, data: LatentDataset, numbers: np.ndarray, starts: Sequence[int], frames: int
    ) -> dict[str, Any]:
        """Everything that is known about these windows, nothing dropped, without the text."""
        items = [data.items[n] for n in numbers]
        rate_hz = data.latent_rate_hz
        latents = [data.window(int(n), s, frames) for n, s in zip(numbers, starts, strict=True)]
        guides = np.zeros((len(items), frames, self.config.feature_channels), np.float32)
        given = np.zeros((len(items), len(self.features)), bool)
        for row, (item, start) in enumerate(zip(items, starts, strict=True)):
            whole, given[row] = self._guide(data, item)
            part = whole[start : start + frames]
            guides[row, : len(part)] = part
        batch = {
            "ids": [item.id for item in items],
            "latents": torch.stack(latents),
            "seconds_start": torch.tensor([float(int(start / rate_hz)) for start in starts]),
            "seconds_total": torch.tensor([float(math.ceil(item.seconds)) for item in items]),
            "tempo_bpm": torch.tensor([_number(item, "tempo_bpm", math.nan) for item in items]),
            "key": torch.tensor([_key(item) for item in items]),
            "metre": torch.tensor([int(_number(item, "metre", -1)) for item in items]),
            "guide": torch.from_numpy(guides),
            "guide_mask": torch.from_numpy(given),
        }
        if self.config.context_latents:
            batch["context"] = torch.zeros_like(batch["latents"])
            batch["context_mask"] = torch.zeros(len(items), frames, dtype=torch.bool)
        return batch

    def answers(
        self, pairs: PairDataset, numbers: np.ndarray, starts: Sequence[int], frames: int
    ) -> dict[str, Any]:
        """Like `batch`, for stems with the mix that each answers."""
        heard = [pairs.context(int(n), s, frames) for n, s in zip(numbers, starts, strict=True)]
        return self.batch(pairs, numbers, starts, frames) | {
            "context": torch.stack([latents for latents, _ in heard]),
            "context_mask": torch.stack([there for _, there in heard]),
        }

    def only_asked(self, mask: Tensor, rows: Tensor) -> Tensor:
        """`mask` (b, features) without what words do not tell, in the `rows` (b,) that are True."""
        asked = torch.tensor([name in ASKED_FEATURES for name in self.features], dtype=torch.bool)
        return mask & (asked | ~rows[:, None])

    def _guide(self, data: LatentDataset, item: LatentItem) -> tuple[np.ndarray, np.ndarray]:
        """The guide (frames, channels) of a whole item and which features it has (features,).

        A composed piece has a plan, and a melody where its lead plays; recordings and effects have
        neither.
        """
        key = (str(data.folder), item.id)
        if key not in self._drawn:
            self._drawn[key] = self._draw_guide(item, data.latent_rate_hz)
        return self._drawn[key]

    def _draw_guide(self, item: LatentItem, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
        given = np.zeros(len(self.features), bool)
        lines = np.zeros((item.frames, self.config.feature_channels), np.float32)
        if not self.features:
            return lines, given
        text = item.facts.get("plan")
        notes = read_notes(item.facts.get("melody"), f"item {item.id!r}")
        if text is not None:
            lines[:, :GUIDE_CHANNELS] = guide(Plan.from_json(text), item.frames, rate_hz)
            given[:] = [name != MELODY for name in self.features]
        if notes is not None and MELODY in self.features:
            lines[:, FEATURES[MELODY]] = melody_lines(notes, item.frames, rate_hz)
            given[self.features.index(MELODY)] = True
        return lines, given


def dropped(batch: Mapping[str, Any], rates: Dropout, rng: np.random.Generator) -> dict[str, Any]:
    """The batch with some of what is known taken away, and `drop` for the null branch.

    A recording to answer is dropped as a whole and independently of the rest, as guidance by
    several sources needs (StemGen, arXiv 2312.08723, section 2.4).
    """
    count, features = batch["guide_mask"].shape
    drop = rng.random(count) < rates.condition
    keep = rng.random(count) >= np.where(drop, 0.5, rates.guide)
    rate = rng.random((count, 1)) * (rng.random((count, 1)) < rates.guide_features)
    given = keep[:, None] & (rng.random((count, features)) >= rate)
    absent = torch.from_numpy(rng.random((3, count)) < rates.control)
    found = {
        **batch,
        "drop": torch.from_numpy(drop),
        "guide_mask": batch["guide_mask"] & torch.from_numpy(given),
        "tempo_bpm": batch["tempo_bpm"].masked_fill(absent[0], math.nan),
        "key": batch["key"].masked_fill(absent[1], -1),
        "metre": batch["metre"].masked_fill(absent[2], -1),
    }
    if "context_mask" in batch:
        heard = torch.from_numpy(rng.random(count) >= rates.context)
        found["context_mask"] = batch["context_mask"] & heard[:, None]
    return found


def joined(batches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Batches of equal windows as one."""
    first = batches[0]
    if len(batches) == 1:
        return dict(first)
    return {
        key: torch.cat([one[key] for one in batches])
        if isinstance(value, Tensor)
        else [entry for one in batches for entry in one[key]]
        for key, value in first.items()
    }


def prompts_of(batch: Batch) -> Prompts:
    """The wishes in a batch, as the conditioner takes them; a context is not standardised yet."""
    context = batch.get("context")
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
        context=None if context is None else context.mT,
        context_mask=batch.get("context_mask"),
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
