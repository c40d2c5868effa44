"""A corpus decoded once: one memory-mapped file of 16-bit samples, for crops at random places.

Seeking inside compressed files costs more than a training step on a small machine; here a crop is a
slice. An hour of 44.1 kHz stereo takes 635 MB.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from longform import audio
from longform.errors import UserError
from longform.files import atomic
from longform.progress import OnProgress, Progress, quiet
from longform.train.dataset import Item, scan
from longform.train.prefetch import READERS, made_ahead

SAMPLES, INDEX = "audio.i16", "audio.json"
FULL_SCALE = 32767


@dataclass(frozen=True)
class CachedItem:
    """Where one file lies in the cache; `split` is train, validation or test."""

    id: str
    split: str
    start: int
    samples: int


@dataclass(frozen=True)
class AudioCache:
    """Decoded items; `samples` is (t, c) int16, memory-mapped."""

    samples: np.ndarray
    sample_rate: int
    items: tuple[CachedItem, ...]

    def crop(self, item: CachedItem, start: int, length: int) -> np.ndarray:
        """Samples [start, start + length) of an item, float32 (c, length), zeros after its end."""
        stop = min(start + length, item.samples)
        piece = self.samples[item.start + start : item.start + stop].T.astype(np.float32)
        piece /= FULL_SCALE
        return np.pad(piece, ((0, 0), (0, length - piece.shape[1])))


def cache_audio(
    folder: str | Path,
    out: str | Path,
    *,
    sample_rate: int = 44_100,
    channels: int = 2,
    on_progress: OnProgress = quiet,
) -> AudioCache:
    """Open the cache of `folder` in `out`, decoding first unless it is there and up to date.

    The items are those of `longform.train.dataset.scan`. Of several processes one builds, and
    the others wait for it.

    Raises:
        UserError: the folder is missing or holds no audio, a file cannot be read, the disk is full.
    """
    out, found = Path(out), scan(folder)
    wanted = {
        "sample_rate": sample_rate,
        "channels": channels,
        "files": [[item.id, item.split, item.path.stat().st_size] for item in found],
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / "lock"):
            index = _read_index(out / INDEX)
            if index is None or index["source"] != wanted:
                index = _decode(found, wanted, out, on_progress)
            flat = np.memmap(out / SAMPLES, dtype=np.int16, mode="r")
    except OSError as error:
        raise UserError(f"audio cache in {str(out)!r}: {error.strerror or error}") from None
    items = tuple(CachedItem(**item) for item in index["items"])
    return AudioCache(flat.reshape(-1, channels), sample_rate, items)


def _read_index(path: Path) -> dict[str, Any] | None:
    """The index, if the samples beside it are whole."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        whole = path.with_name(SAMPLES).stat().st_size == index["bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if whole else None


def _decode(
    found: list[Item], wanted: dict[str, Any], out: Path, on_progress: OnProgress
) -> dict[str, Any]:
    """Decode everything; the index is written last, so that half a cache is never taken for one."""
    rate, channels = wanted["sample_rate"], wanted["channels"]

    def read(item: Item) -> tuple[Item, np.ndarray]:
        wave = audio.read(item.path, sample_rate=rate, channels=channels).samples
        return item, np.rint(np.clip(wave.T, -1, 1) * FULL_SCALE).astype(np.int16)

    items: list[CachedItem] = []
    start = 0
    (out / INDEX).unlink(missing_ok=True)
    with atomic(out / SAMPLES, overwrite=True) as temporary, open(temporary, "wb") as target:
        for number, (item, scaled) in enumerate(made_ahead(read, found, READERS)):
            scaled.tofile(target)
            items.append(CachedItem(item.id, item.split, start, len(scaled)))
            start += len(scaled)
            on_progress(Progress("decode", number + 1, len(found)))
    index = {"source": wanted, "bytes": start * channels * 2, "items": [asdict(i) for i in items]}
    with atomic(out / INDEX, overwrite=True) as temporary:
        temporary.write_text(json.dumps(index), encoding="utf-8")
    return index
