"""Latents on disk: shards of safetensors and an index, read by windows without loading them."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from longform.checkpoint import read_json
from longform.errors import UserError

if TYPE_CHECKING:
    from safetensors import safe_open

FORMAT = 1
INDEX = "index.json"
MAX_INDEX_BYTES = 4 << 30
_OPEN_SHARDS = 64


@dataclass(frozen=True)
class LatentItem:
    """One encoded piece and everything its side-car knew."""

    id: str
    shard: str
    frames: int
    seconds: float
    split: str
    captions: tuple[str, ...]
    facts: dict[str, Any]


class LatentDataset:
    """A folder of latents written by `longform.train.encode`.

    `mean` and `std` (d,) are per channel over the training split; `silence` (d,) is the latent of
    digital silence, which stands after the end of a piece. `autoencoder` says which network made
    the latents: its kind, config, source and the SHA-256 of its weights.
    """

    def __init__(self, folder: str | Path, split: str | None = None) -> None:
        """All items, or those of one split.

        Raises:
            UserError: no finished folder of latents; no item in the split; a shard is missing.
        """
        self.folder = Path(folder)
        if not (self.folder / INDEX).is_file():
            raise UserError(
                f"{str(folder)!r} is not a finished folder of latents ({INDEX} is missing); "
                "write it with: longform train encode"
            )
        index = read_json(self.folder / INDEX, MAX_INDEX_BYTES)
        if index.get("format") != FORMAT:
            raise UserError(
                f"{self.folder / INDEX}: format {index.get('format')!r}, this program reads "
                f"{FORMAT}; encode the corpus again"
            )
        self.autoencoder: dict[str, Any] = index["autoencoder"]
        self.sample_rate: int = index["sample_rate"]
        self.hop_samples: int = index["hop_samples"]
        self.latent_channels: int = index["latent_channels"]
        self.mean = torch.tensor(index["mean"])
        self.std = torch.tensor(index["std"])
        self.silence = torch.tensor(index["silence"])
        everything = [
            LatentItem(**entry | {"captions": tuple(entry["captions"])}) for entry in index["items"]
        ]
        self.items = [item for item in everything if split is None or item.split == split]
        if not self.items:
            raise UserError(f"{str(folder)!r} holds no latents of split {split!r}")
        for shard in sorted({item.shard for item in self.items}):
            if not (self.folder / shard).is_file():
                raise UserError(f"{self.folder / shard}: is missing; encode the corpus again")
        self._shards: OrderedDict[str, safe_open] = OrderedDict()
        self._lock = threading.Lock()  # several threads make batches

    def __len__(self) -> int:
        return len(self.items)

    @property
    def latent_rate_hz(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop_samples

    def window(self, index: int, start_frame: int, frames: int) -> Tensor:
        """Latents (d, frames) float32 of one item from `start_frame`, silence after its end."""
        return self.read(self.items[index], start_frame, frames)

    def read(self, item: LatentItem, start_frame: int, frames: int) -> Tensor:
        """`window` of an item of this folder."""
        stop = min(start_frame + frames, item.frames)
        latents = self.silence[:, None].repeat(1, frames)
        if stop > start_frame:
            part = self._shard(item.shard).get_slice(item.id)[:, start_frame:stop]
            latents[:, : stop - start_frame] = part
        return latents

    def _shard(self, name: str) -> "safe_open":
        from safetensors import safe_open

        with self._lock:
            if name not in self._shards:
                if len(self._shards) >= _OPEN_SHARDS:
                    self._shards.popitem(last=False)
                self._shards[name] = safe_open(self.folder / name, framework="pt")
            self._shards.move_to_end(name)
            return self._shards[name]
