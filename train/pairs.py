"""Pairs of a mix and a stem that answers it, from the stems of a corpus.

After StemGen (arXiv 2312.08723, section 2.1): the target is a stem of a piece, the context the sum
of a random choice of its other stems. Latents do not add, so both are summed as audio and encoded
once, `longform train encode --pairs`, into a folder like any other. There the pair number n of a
piece is two entries, `<piece>.<n>` (the target, with captions) and `<piece>.<n>.context`.
"""

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longform.errors import UserError
from longform.music.plan import FAMILIES, Plan
from longform.train.dataset import STEMS, Item, Rejected, survey
from longform.train.latents import LatentDataset
from longform.train.songbook.captions import stem_captions

CAPTIONS = 6
_TWO_STEMS = 0.15
"""Share of the targets that are two stems together, where there are three or more."""
_KEPT_FACTS = ("style", "moods", "tempo_bpm", "key", "metre")


def survey_pairs(folder: str | Path, count: int, seed: int) -> tuple[list[Item], list[Rejected]]:
    """Up to `count` different pairs of each piece that has two stems or more: contexts and targets.

    They depend on `seed`, the piece's id and its stems alone.

    Raises:
        UserError: `folder` is not a folder, or holds no such piece.
    """
    pieces, rejected = survey(folder)
    items: list[Item] = []
    for piece in pieces:
        names = tuple(piece.facts.get("stems", ()))
        if len(names) < 2:
            continue
        paths = {name: Path(folder) / STEMS / f"{piece.id}.{name}.flac" for name in names}
        missing = [path for path in paths.values() if not path.is_file()]
        if missing:
            rejected.append(Rejected(missing[0], f"{missing[0]}: this stem is missing"))
            continue
        rng = np.random.default_rng([seed, zlib.crc32(piece.id.encode())])
        for number, (context, target) in enumerate(_choices(names, count, rng)):
            items += _pair(piece, f"{piece.id}.{number}", context, target, paths)
    if not items:
        raise UserError(
            f"data folder {str(folder)!r} holds no piece with stems; render them with: "
            "longform corpus build --stems"
        )
    return sorted(items, key=lambda item: item.id), rejected


def _choices(
    names: tuple[str, ...], count: int, rng: np.random.Generator
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Different (context, target) choices of stems, every stem a target before one is again."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], None] = {}
    order = [names[index] for index in rng.permutation(len(names))]
    for attempt in range(8 * count):
        target = {order[attempt % len(order)]}
        if len(names) > 2 and rng.random() < _TWO_STEMS:
            others = [name for name in names if name not in target]
            target.add(others[int(rng.integers(len(others)))])
        rest = [name for name in names if name not in target]
        size = int(rng.integers(1, len(rest) + 1))
        chosen = {rest[index] for index in rng.permutation(len(rest))[:size]}
        found.setdefault((_ordered(chosen), _ordered(target)))
        if len(found) == count:
            break
    return list(found)


def _ordered(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (*FAMILIES, name).index(name)))


def _pair(
    piece: Item,
    name: str,
    context: tuple[str, ...],
    target: tuple[str, ...],
    paths: dict[str, Path],
) -> tuple[Item, Item]:
    facts: dict[str, Any] = {
        "kind": "stem",
        "families": target,
        "context": f"{name}.context",
        "active": _active(piece, context, target),
        **{key: piece.facts[key] for key in _KEPT_FACTS if key in piece.facts},
    }
    if "plan" in piece.facts:
        facts["plan"] = _plan_of(piece, target).to_json()
    if "lead" in target and piece.facts.get("melody"):
        facts["melody"] = piece.facts["melody"]
    captions = stem_captions(piece.facts, target, zlib.crc32(name.encode()), CAPTIONS)
    return (
        replace(
            piece,
            id=name,
            parts=tuple(paths[one] for one in target),
            captions=tuple(captions),
            facts=facts,
        ),
        replace(
            piece,
            id=f"{name}.context",
            parts=tuple(paths[one] for one in context),
            captions=(),
            facts={"kind": "context", "families": context},
        ),
    )


def _plan_of(piece: Item, target: tuple[str, ...]) -> Plan:
    """The piece's plan, in which only the target's families sound."""
    plan = Plan.from_json(piece.facts["plan"])
    sections = [
        replace(section, families=section.families & set(target)) for section in plan.sections
    ]
    return replace(plan, sections=tuple(sections))


def _active(
    piece: Item, context: tuple[str, ...], target: tuple[str, ...]
) -> list[tuple[float, float]]:
    """Seconds from and to which both sides sound, by the plan; the whole piece without one."""
    if "plan" not in piece.facts:
        return [(0.0, piece.seconds)]
    plan = Plan.from_json(piece.facts["plan"])
    spans = [
        (section.start_bar * plan.bar_seconds, section.end_bar * plan.bar_seconds)
        for section in plan.sections
        if section.families & set(target) and section.families & set(context)
    ]
    return [(round(start, 3), round(min(end, piece.seconds), 3)) for start, end in spans]


class PairDataset(LatentDataset):
    """The targets of a folder of pairs, as `items`; each knows its context.

    Pairs whose two sides never sound at once are left out: silence answers nothing.
    """

    def __init__(self, folder: str | Path, split: str) -> None:
        """The pairs of one split.

        Raises:
            UserError: see `LatentDataset`; the folder holds no pairs of that split.
        """
        super().__init__(folder, split)
        self._contexts = {one.id: one for one in self.items if one.facts["kind"] == "context"}
        self.items = [
            one for one in self.items if one.facts["kind"] == "stem" and one.facts["active"]
        ]
        if not self.items:
            raise UserError(
                f"{str(folder)!r} holds no pairs of split {split!r}; make them with: "
                "longform train encode --pairs 3"
            )

    def context(self, index: int, start_frame: int, frames: int) -> tuple[Tensor, Tensor]:
        """Latents (d, frames) of what target number `index` answers, and where there are any."""
        item = self._contexts[self.items[index].facts["context"]]
        there = torch.arange(start_frame, start_frame + frames) < item.frames
        return self.read(item, start_frame, frames), there

    def start(self, index: int, frames: int, rng: np.random.Generator) -> int:
        """First frame of a random window in which, somewhere, both sides sound."""
        item = self.items[index]
        spans = np.asarray(item.facts["active"]) * self.latent_rate_hz
        lengths = spans[:, 1] - spans[:, 0]
        span = spans[int(rng.choice(len(spans), p=lengths / lengths.sum()))]
        heard = int(rng.uniform(*span))
        return int(np.clip(heard - int(rng.integers(frames)), 0, max(item.frames - frames, 0)))


def load_pairs(
    folder: str | Path | None, latents: LatentDataset
) -> tuple[PairDataset | None, PairDataset | None]:
    """Pairs to train on and held-out ones, where there are any; none without a folder.

    Raises:
        UserError: they are not of the autoencoder that made `latents`.
    """
    if folder is None:
        return None, None
    pairs = PairDataset(folder, "train")
    if pairs.autoencoder["sha256"] != latents.autoencoder["sha256"]:
        raise UserError(
            f"accompany.latents {str(folder)!r} are of another autoencoder than "
            f"{str(latents.folder)!r}; encode the pairs again"
        )
    try:
        return pairs, PairDataset(folder, "validation")
    except UserError:
        return pairs, None
