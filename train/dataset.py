"""A folder of audio as training data: any files, with captions and facts where side-cars give them.

Beside `name.flac` may stand `name.json` (any of the keys captions or caption, split, kind, style,
tempo_bpm, key, metre, plan, …; all of them are kept as facts) or `name.txt` (one caption a line).
"""

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longform import audio
from longform.errors import UserError
from longform.train.trainee import Draw

SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".caf", ".au", ".w64"}
)
SPLITS = ("train", "validation", "test")
INDEX = "corpus.json"
STEMS = "stems"


@dataclass(frozen=True)
class Item:
    """One piece of audio and what is known about it."""

    id: str
    """Path inside the folder, without suffix: the same wherever the folder lies."""
    path: Path
    seconds: float
    sample_rate: int
    channels: int
    captions: tuple[str, ...]
    split: str
    facts: dict[str, Any]
    """The side-car as it is, with "split" and "kind" filled in."""
    parts: tuple[Path, ...] = ()
    """Stems of equal length that add up to it, where it is not the audio at `path` itself."""


@dataclass(frozen=True)
class Rejected:
    """A file that looks like audio but cannot be used, and why."""

    path: Path
    reason: str


def survey(folder: str | Path) -> tuple[list[Item], list[Rejected]]:
    """All audio under `folder` in the order of ids, and all that had to be left out.

    Hidden files are passed over, and so are the stems of a built corpus.

    Raises:
        UserError: `folder` is not a folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"data folder {str(folder)!r} does not exist")
    paths = _audio_files(root)
    plain = [path.relative_to(root).with_suffix("").as_posix() for path in paths]
    shared = Counter(plain)
    items, rejected = [], []
    for path, name in zip(paths, plain, strict=True):
        unique = name if shared[name] == 1 else path.relative_to(root).as_posix()
        try:
            items.append(_item(path, unique))
        except UserError as error:
            rejected.append(Rejected(path, str(error)))
    return sorted(items, key=lambda item: item.id), rejected


def scan(
    folder: str | Path,
    *,
    split: str | None = None,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> list[Item]:
    """The usable items of `folder` (of one split, if named); each unusable one is told to `say`.

    Raises:
        UserError: `folder` is not a folder, or nothing usable is in it.
    """
    items, rejected = survey(folder)
    for one in rejected:
        say(f"left out: {one.reason}")
    chosen = [item for item in items if split is None or item.split == split]
    if not chosen:
        what = "audio" if split is None else f"audio of split {split!r}"
        raise UserError(
            f"data folder {str(folder)!r} holds no usable {what} "
            f"({len(items)} files usable, {len(rejected)} not)"
        )
    return chosen


def read_crop(item: Item, start_seconds: float, samples: int, sample_rate: int) -> np.ndarray:
    """`samples` of stereo audio at `sample_rate` from `start_seconds`: (2, t) float32.

    What lies beyond the end of the piece is silence.

    Raises:
        UserError: the file has become unreadable since it was scanned.
    """
    wave = audio.read(
        item.path,
        start_seconds=start_seconds,
        seconds=samples / sample_rate,
        sample_rate=sample_rate,
        channels=2,
    )
    crop = np.zeros((2, samples), np.float32)
    found = wave.samples[:, :samples]
    crop[:, : found.shape[1]] = found
    return crop


def draw_crops(
    items: Sequence[Item], draw: Draw, batch: int, samples: int, sample_rate: int
) -> tuple[np.ndarray, list[Item], np.ndarray]:
    """Random crops, every piece once per epoch: audio (b, 2, t), items, starts (b,) in seconds.

    A piece shorter than the crop begins at 0 and is followed by silence.
    """
    chosen = [items[index] for index in draw.indices(len(items), batch)]
    room = np.array([max(item.seconds - samples / sample_rate, 0.0) for item in chosen])
    starts = draw.rng("crops").uniform(0.0, 1.0, batch) * room
    crops = [
        read_crop(item, start, samples, sample_rate)
        for item, start in zip(chosen, starts, strict=True)
    ]
    return np.stack(crops), chosen, starts


def split_of(name: str) -> str:
    """Train, validation or test (90, 5 and 5 %) by the hash of a name: the same for ever."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100
    return "train" if number < 90 else "validation" if number < 95 else "test"


def _audio_files(root: Path) -> list[Path]:
    paths = []
    for here, folders, names in os.walk(root):
        built = Path(here) == root and INDEX in names
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and not (built and f == STEMS)
        )
        paths += [
            Path(here) / name
            for name in sorted(names)
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return paths


def _item(path: Path, name: str) -> Item:
    header = audio.info(path)
    if header.samples == 0:
        raise UserError(f"{path}: holds no audio (0 samples)")
    facts = _side_car(path)
    split = facts.get("split") or split_of(path.stem)
    if split not in SPLITS:
        raise UserError(f"{path}: split {split!r} is not one of {', '.join(SPLITS)}")
    captions = facts.get("captions", facts.get("caption", []))
    captions = [captions] if isinstance(captions, str) else captions
    if not (isinstance(captions, list) and all(isinstance(text, str) for text in captions)):
        raise UserError(f"{path.with_suffix('.json')}: captions must be a list of texts")
    texts = tuple(text.strip() for text in captions if text.strip())
    facts = {"kind": "music", **facts, "split": split}
    return Item(
        name, path, header.seconds, header.sample_rate, header.channels, texts, split, facts
    )


def _side_car(path: Path) -> dict[str, Any]:
    described, captioned = path.with_suffix(".json"), path.with_suffix(".txt")
    try:
        if described.is_file():
            facts = json.loads(described.read_text(encoding="utf-8"))
            if not isinstance(facts, dict):
                raise UserError(f"{described}: expected a JSON object")
            return facts
        if captioned.is_file():
            return {"captions": captioned.read_text(encoding="utf-8").splitlines()}
    except ValueError as error:
        broken = described if described.is_file() else captioned
        raise UserError(f"{broken}: not readable: {' '.join(str(error).split())}") from None
    return {}
