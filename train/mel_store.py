"""Log-mel spectrograms of a whole corpus in one file, so that a training step reads no audio."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from longform import audio
from longform.clap.config import AudioConfig
from longform.files import atomic
from longform.mel import LogMel
from longform.progress import OnProgress, Progress, quiet
from longform.train.dataset import Item
from longform.train.prefetch import READERS, made_ahead

_DATA, _INDEX = "mel.f16", "mel.json"
_LISTENED = ("sample_rate", "fft_samples", "hop_samples", "bands", "low_hz", "high_hz")


class MelStore:
    """Item number -> its spectrogram, read from a memory map of 16-bit floats."""

    def __init__(self, folder: Path, frames: Sequence[int], bands: int) -> None:
        self.frames = np.asarray(frames, dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.frames)])
        shape = (int(self._starts[-1]), bands)
        self._data = np.memmap(folder / _DATA, dtype=np.float16, mode="r", shape=shape)

    def window(self, item: int, start: int, size: int) -> Tensor:
        """Frames `start` .. `start + size` of an item, or what there is of them: (bands, f)."""
        first = self._starts[item] + start
        last = min(first + size, self._starts[item + 1])
        return torch.from_numpy(self._data[first:last].astype(np.float32)).T

    def whole(self, item: int) -> Tensor:
        """The whole item: (bands, frames) float32."""
        return self.window(item, 0, int(self.frames[item]))


def open_store(
    folder: Path, items: Sequence[Item], config: AudioConfig, on_progress: OnProgress = quiet
) -> MelStore:
    """The store in `folder`, made anew unless it is of these items and these settings.

    Raises:
        UserError: an item cannot be read; the folder cannot be written.
    """
    key = _fingerprint(items, config)
    index = _read_index(folder)
    if index is None or index["key"] != key:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _INDEX).unlink(missing_ok=True)
        with atomic(folder / _DATA, overwrite=True) as temporary:
            frames = _write(temporary, items, config, on_progress)
        with atomic(folder / _INDEX, overwrite=True) as temporary:
            temporary.write_text(json.dumps({"key": key, "frames": frames}), encoding="utf-8")
        return MelStore(folder, frames, config.bands)
    return MelStore(folder, index["frames"], config.bands)


def log_mel_of(config: AudioConfig) -> LogMel:
    """The spectrogram that the audio tower of `config` listens to."""
    return LogMel(**{name: getattr(config, name) for name in _LISTENED})


def read_log_mel(path: Path, log_mel: LogMel, sample_rate: int) -> Tensor:
    """The spectrogram of an audio file at any rate: (bands, frames)."""
    waveform = audio.read(path, sample_rate=sample_rate)
    with torch.no_grad():
        return log_mel(torch.from_numpy(waveform.samples)[None].to(log_mel.window.device))[0]


def _write(
    path: Path, items: Sequence[Item], config: AudioConfig, on_progress: OnProgress
) -> list[int]:
    frames = []
    with open(path, "wb") as file:
        for mel in _spectrograms(items, config):
            mel.tofile(file)
            frames.append(len(mel))
            on_progress(Progress("spectrograms", len(frames), len(items)))
    return frames


def _spectrograms(items: Sequence[Item], config: AudioConfig) -> Iterator[np.ndarray]:
    """(frames, bands) float16 of each item, in order; a few are in the making at any time."""
    log_mel = log_mel_of(config)

    def one(item: Item) -> np.ndarray:
        mel = read_log_mel(item.path, log_mel, config.sample_rate)
        return mel.T.contiguous().half().numpy()

    return made_ahead(one, items, READERS)


def _fingerprint(items: Sequence[Item], config: AudioConfig) -> str:
    settings = {name: value for name, value in asdict(config).items() if name in _LISTENED}
    files = [[str(item.path), item.path.stat().st_size] for item in items]
    return hashlib.sha256(json.dumps([settings, files]).encode()).hexdigest()


def _read_index(folder: Path) -> dict | None:
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return index if (folder / _DATA).is_file() else None
