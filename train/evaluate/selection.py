"""Which pieces of a corpus a measurement is taken on."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longform.errors import UserError

if TYPE_CHECKING:
    from longform.train.dataset import Item

SHORTEST_SECONDS = 10.0


def select_music(data: str | Path, *, split: str, count: int, seed: int) -> "list[Item]":
    """Up to `count` pieces of music, evenly over the styles, the same for the same seed.

    `split` is "train", "validation", "test" or, for a corpus that nothing was trained on, "all".

    Raises:
        UserError: the corpus has no music in that split.
    """
    from longform.train.dataset import scan

    items = [
        item
        for item in scan(data, split=None if split == "all" else split)
        if item.facts["kind"] == "music" and item.seconds >= SHORTEST_SECONDS
    ]
    if not items:
        raise UserError(
            f"corpus {str(data)!r} holds no music of split {split!r} "
            f"that is {SHORTEST_SECONDS:g} s or longer; build one with: longform corpus build"
        )
    rng = np.random.default_rng(seed)
    order = [items[index] for index in rng.permutation(len(items))]
    shelves: dict[str, list[Item]] = {}
    for item in order:
        shelves.setdefault(style_of(item), []).append(item)
    rounds = max(len(shelf) for shelf in shelves.values())
    dealt = [
        shelves[style][turn]
        for turn in range(rounds)
        for style in sorted(shelves)
        if turn < len(shelves[style])
    ]
    return dealt[:count]


def style_of(item: "Item") -> str:
    """The item's style, "unknown" when its side-car does not tell."""
    return str(item.facts.get("style") or "unknown")


def excerpt_start_seconds(total_seconds: float, seconds: float) -> float:
    """Where the middle `seconds` of a piece begin."""
    return max((total_seconds - seconds) / 2, 0.0)
