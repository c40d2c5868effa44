"""What a corpus is to hold: items in order, styles and kinds dealt evenly, each with its seed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from longform.errors import UserError
from longform.music.styles import STYLES
from longform.train.songbook.effects import KINDS

LENGTHS_SECONDS = ((20.0, 60.0, 0.35), (60.0, 180.0, 0.35), (180.0, 285.0, 0.30))
SHORTEST_SECONDS, LONGEST_SECONDS = LENGTHS_SECONDS[0][0], LENGTHS_SECONDS[-1][1]


@dataclass(frozen=True, kw_only=True)
class ItemSpec:
    """What item `index` of a corpus is to be. `name` is a style or a kind of effect."""

    index: int
    id: str
    kind: str
    name: str
    seconds: float
    seed: int


def check_build(hours: float, seed: int, effects_share: float, longest_seconds: float) -> None:
    """Refuse what cannot be built.

    Raises:
        UserError: a value out of range.
    """
    if not hours > 0:
        raise UserError(f"hours is {hours}: give more than 0")
    if not 0 <= effects_share <= 1:
        raise UserError(f"effects share is {effects_share}: give 0 to 1")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more")
    if not SHORTEST_SECONDS <= longest_seconds <= LONGEST_SECONDS:
        raise UserError(
            f"longest is {longest_seconds:g} s: give {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}"
        )


def item_specs(
    hours: float,
    seed: int,
    effects_share: float = 0.06,
    longest_seconds: float = LONGEST_SECONDS,
) -> Iterator[ItemSpec]:
    """The items of a corpus in order, styles and kinds of effect dealt evenly."""
    squeeze = (longest_seconds - SHORTEST_SECONDS) / (LONGEST_SECONDS - SHORTEST_SECONDS)
    total, effects_seconds, counts = 0.0, 0.0, {"music": 0, "effect": 0}
    index = 0
    while total < hours * 3600:
        kind = "effect" if effects_seconds < effects_share * (total + 1) else "music"
        rng = np.random.default_rng([seed, index])
        name = _dealt(list(KINDS if kind == "effect" else STYLES), counts[kind], kind, seed)
        if kind == "effect":
            low, high = KINDS[name].seconds
            seconds = round(low * (high / low) ** rng.random(), 2)
            effects_seconds += seconds
        else:
            low, high, _ = LENGTHS_SECONDS[
                int(rng.choice(len(LENGTHS_SECONDS), p=[row[2] for row in LENGTHS_SECONDS]))
            ]
            longer = float(rng.uniform(low, high)) - SHORTEST_SECONDS
            seconds = round(SHORTEST_SECONDS + squeeze * longer, 1)
        counts[kind] += 1
        total += seconds
        identity = f"{kind[0]}{seed:04d}-{index:06d}"
        item_seed = int(rng.integers(1 << 31))
        yield ItemSpec(
            index=index, id=identity, kind=kind, name=name, seconds=seconds, seed=item_seed
        )
        index += 1


def split_of(identity: str) -> str:
    """train, validation or test (90, 5, 5 %), by hash of the id."""
    draw = int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16) % 100
    return "train" if draw < 90 else "validation" if draw < 95 else "test"


def _dealt(names: list[str], count: int, kind: str, seed: int) -> str:
    """Card `count` of packs that each hold every name once, shuffled."""
    rng = np.random.default_rng([seed, count // len(names), len(kind)])
    return names[int(rng.permutation(len(names))[count % len(names)])]
