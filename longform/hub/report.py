"""What a checkpoint has and lacks, key by key, against the network that it should fill."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from longform.errors import UserError
from longform.hub.layouts import Checkpoint
from longform.hub.networks import Part
from longform.hub.tensors import Pair, Shape, Stored

MAX_LISTED = 8
IGNORED = (
    "rotary_pos_emb.inv_freq",
    ".rope.inv_freq",
    "bottleneck.noise_scaling_factor",
    "duration_embedder/freqs",
)
"""Endings of tensors that follow from the configuration and need not be read."""


@dataclass(frozen=True, kw_only=True)
class PartReport:
    """One network of a checkpoint: sizes, and the names of all keys that do not fit."""

    part: str
    parameters: int
    nbytes: int
    dtypes: dict[str, int]
    matched: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshaped: tuple[str, ...] = ()
    mistyped: tuple[str, ...] = ()

    @property
    def loads(self) -> bool:
        """Whether the network can be filled completely."""
        return not (self.missing or self.misshaped or self.mistyped)

    def faults(self) -> str:
        """Everything that does not fit, as one line; empty if all does."""
        kinds = {
            "missing": self.missing,
            "of another shape": self.misshaped,
            "of another type": self.mistyped,
            "unexpected": self.unexpected,
        }
        told = [f"{len(keys)} {kind}: {listed(keys)}" for kind, keys in kinds.items() if keys]
        return "; ".join(told)


def compare(checkpoint: Checkpoint, parts: Mapping[str, Part]) -> dict[str, PartReport]:
    """The report of each part, and of "other" for keys that belong to none."""
    budget = sum(prod(one.shape) for one in checkpoint.stored.values())
    expected = {
        name: part.expected(max(2 * budget, 1 << 24), str(checkpoint.path))
        for name, part in parts.items()
    }
    used = {
        key
        for shapes in expected.values()
        for name in shapes
        if name in checkpoint.pairs
        for key in checkpoint.pairs[name].others
    }
    owners = _owners(checkpoint)
    left: dict[str, list[str]] = {}
    for key in checkpoint.stored:
        if key not in used and not key.endswith(IGNORED):
            left.setdefault(owners.get(key, "other"), []).append(key)
    reports = {
        name: _report(name, shapes, checkpoint, left.pop(name, []))
        for name, shapes in expected.items()
    }
    return reports | {name: _report(name, {}, checkpoint, keys) for name, keys in left.items()}


def _owners(checkpoint: Checkpoint) -> dict[str, str]:
    """The part that each stored tensor belongs to, by its name in the toolkit's layout."""
    roots = {"model.model.": "dit", "pretransform.": "autoencoder", "conditioner.": "conditioner"}
    folders = {"transformer": "dit", "vae": "autoencoder", "projection_model": "conditioner"}
    folders["duration_embedder"] = "conditioner"
    owners = {
        key: folders[key.partition("/")[0]]
        for key in checkpoint.stored
        if key.partition("/")[0] in folders
    }
    for name, pair in checkpoint.pairs.items():
        part = next((part for root, part in roots.items() if name.startswith(root)), "other")
        owners |= dict.fromkeys(pair.others, part)
    return owners


def _report(
    name: str, expected: Mapping[str, Shape], checkpoint: Checkpoint, left: list[str]
) -> PartReport:
    matched: dict[str, Stored] = {}
    missing, misshaped, mistyped = [], [], []
    for key, shape in expected.items():
        pair = checkpoint.pairs.get(key) or Pair(key, (key,))
        for other, wanted in zip(pair.others, pair.other_shapes(shape), strict=True):
            one = checkpoint.stored.get(other)
            if one is None:
                missing.append(other)
            elif one.shape != wanted:
                misshaped.append(f"{other} {one.shape} should be {wanted}")
            elif not one.is_float:
                mistyped.append(f"{other} {one.dtype} should be a float type")
            else:
                matched[other] = one
    mistyped += _odd_types(matched)
    return PartReport(
        part=name,
        parameters=sum(prod(one.shape) for one in matched.values()),
        nbytes=sum(one.nbytes for one in matched.values()),
        dtypes=dict(Counter(one.dtype for one in matched.values())),
        matched=len(matched),
        missing=tuple(sorted(missing)),
        unexpected=tuple(sorted(left)),
        misshaped=tuple(sorted(misshaped)),
        mistyped=tuple(sorted(mistyped)),
    )


def _odd_types(matched: Mapping[str, Stored]) -> list[str]:
    """Tensors of another type than the same tensor of other layers, as one that was cast by hand.

    Files of mixed precision are well formed: they keep one type for each kind of tensor.
    """
    types = Counter(one.dtype for one in matched.values())
    if len(types) < 2:
        return []
    usual = types.most_common(1)[0][0]
    kinds: dict[str, dict[str, Stored]] = {}
    for key, one in matched.items():
        kinds.setdefault(re.sub(r"\d+", "#", key), {})[key] = one
    mixed = [kind for kind in kinds.values() if len({one.dtype for one in kind.values()}) > 1]
    return [
        f"{key} {one.dtype} should be {usual}, as in other layers"
        for kind in mixed
        for key, one in kind.items()
        if one.dtype != usual
    ]


def check_complete(
    reports: Mapping[str, PartReport], where: str, *, allow_missing: bool = False
) -> list[str]:
    """Warnings about what does not fit.

    Raises:
        UserError: without `allow_missing`, for keys that are missing or of another shape or type,
            all in one line.
    """
    faults = [f"{one.part}: {one.faults()}" for one in reports.values() if not one.loads]
    if faults and not allow_missing:
        raise UserError(
            f"{where}: the checkpoint does not fit; {'; '.join(faults)} "
            "(--allow-missing goes on with initial values there)"
        )
    return [f"{where}: {one.part}: {one.faults()}" for one in reports.values() if one.faults()]


def listed(keys: tuple[str, ...]) -> str:
    """The first keys, and how many more there are."""
    more = len(keys) - MAX_LISTED
    return ", ".join(keys[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
