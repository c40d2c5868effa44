"""A corpus becomes latents once, so that the denoiser trains without the autoencoder.

The folder holds `latents-00000.safetensors` (one float16 tensor (d, f) per piece, under its id) and
so on, a JSON file beside each with what the pieces' side-cars knew, and `index.json` over all.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longform import audio
from longform.autoencoder.build import as_autoencoder
from longform.autoencoder.interface import Autoencoder, frames_of
from longform.autoencoder.tiled import encode_windowed
from longform.checkpoint import read_json, save_tensors
from longform.device import pick_device
from longform.errors import UserError
from longform.files import atomic
from longform.progress import OnProgress, Progress, quiet
from longform.train.coder import Source, load_autoencoder
from longform.train.dataset import Item, Rejected, survey
from longform.train.latents import FORMAT, INDEX, MAX_INDEX_BYTES, LatentDataset, LatentItem
from longform.train.prefetch import READERS, made_ahead
from longform.train.trainee import Draw

SHARD_BYTES = 256 << 20
WINDOW_SECONDS = 30.0

Say = Callable[[str], None]
Find = Callable[[str | Path], tuple[list[Item], list[Rejected]]]
"""What is in a folder of audio, and what of it cannot be used."""


def main(
    model: str | Path,
    folder: str | Path,
    out: str | Path,
    *,
    sample: bool = False,
    pairs: int = 0,
    seed: int = 0,
    on_progress: OnProgress = quiet,
) -> None:
    """Encode `folder` with the autoencoder of a run folder, checkpoint or bundle into `out`.

    With `pairs`, what is encoded are so many pairs of a mix and a stem that fits it, drawn by
    `seed` from the stems of each piece; see `longform.train.pairs`.
    """
    from longform.train.pairs import survey_pairs

    network, source = load_autoencoder(model)
    device = pick_device()
    find = partial(survey_pairs, count=pairs, seed=seed) if pairs else survey
    encode_corpus(
        network.to(device), source, folder, out, sample=sample, find=find, on_progress=on_progress
    )


def encode_corpus(
    network: nn.Module,
    source: Source,
    folder: str | Path,
    out: str | Path,
    *,
    window_seconds: float = WINDOW_SECONDS,
    shard_bytes: int = SHARD_BYTES,
    sample: bool = False,
    find: Find = survey,
    on_progress: OnProgress = quiet,
    say: Say | None = None,
) -> LatentDataset:
    """Encode every item that `find` has in `folder`: posterior mean, or sample seeded by its id.

    Shards that are finished are kept, so an interrupted call goes on; the result does not depend on
    interruptions. What cannot be read is left out, told to `say` and listed in the index.

    Raises:
        UserError: nothing usable in `folder`; `out` holds latents of another network or setting.
    """
    out = Path(out)
    items, rejected = find(folder)
    if not items:
        raise UserError(f"data folder {str(folder)!r} holds no usable audio")
    out.mkdir(parents=True, exist_ok=True)
    job = _Job(as_autoencoder(network), asdict(source), sample, window_seconds, out)
    left_out = {str(one.path): one.reason for one in rejected}
    shards: list[dict[str, Any]] = []
    for number, group in enumerate(_groups(items, job.autoencoder, shard_bytes)):
        name = f"latents-{number:05d}"
        shard = _finished(job, name, group)
        if shard is None:
            (out / INDEX).unlink(missing_ok=True)
            done = sum(len(one["sources"]) for one in shards)
            shard = _encode_shard(
                job, name, group, lambda n, done=done: on_progress(_progress(done + n, len(items)))
            )
        shards.append(shard)
        left_out |= shard["rejected"]
    for reason in left_out.values():
        (say or _say)(f"left out: {reason}")
    _write_json(out / INDEX, _index(job, shards, items, left_out))
    for path in out.glob("latents-*.*"):
        if int(path.stem.removeprefix("latents-")) >= len(shards):
            path.unlink()
    return LatentDataset(out)


@dataclass(frozen=True)
class _Job:
    autoencoder: Autoencoder
    source: dict[str, Any]
    sample: bool
    window_seconds: float
    out: Path

    @property
    def device(self) -> torch.device:
        assert isinstance(self.autoencoder, nn.Module)
        return next(self.autoencoder.parameters()).device


def _groups(items: list[Item], autoencoder: Autoencoder, limit: int) -> list[list[Item]]:
    """Items in order, cut where the next one would make a shard larger than `limit` bytes."""
    groups: list[list[Item]] = [[]]
    size = 0
    for item in items:
        samples = round(item.seconds * autoencoder.sample_rate)
        frames = frames_of(samples, autoencoder.hop_samples)
        own = 2 * frames * autoencoder.latent_channels
        if groups[-1] and size + own > limit:
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += own
    return groups


def _sources(group: list[Item]) -> dict[str, list[Any]]:
    """What a shard was made from: it is made anew when this changes."""
    paths = {item.id: item.parts or (item.path,) for item in group}
    sizes = {key: [path.stat().st_size for path in each] for key, each in paths.items()}
    return {item.id: [*sizes[item.id], item.split] for item in group}


def _finished(job: _Job, name: str, group: list[Item]) -> dict[str, Any] | None:
    path = job.out / f"{name}.json"
    if not (path.is_file() and path.with_suffix(".safetensors").is_file()):
        return None
    shard = read_json(path, MAX_INDEX_BYTES)
    same = shard["sha256"] == job.source["sha256"] and shard["sample"] == job.sample
    if not same:
        raise UserError(
            f"{str(job.out)!r} holds latents of another autoencoder or setting; "
            "name another folder, or delete that one"
        )
    return shard if shard["sources"] == _sources(group) else None


def _encode_shard(
    job: _Job, name: str, group: list[Item], on_item: Callable[[int], None]
) -> dict[str, Any]:
    channels = job.autoencoder.latent_channels
    tensors: dict[str, Tensor] = {}
    rejected: dict[str, str] = {}
    count, sums, squares = 0, torch.zeros(channels).double(), torch.zeros(channels).double()
    samples = made_ahead(partial(_samples_or_error, job.autoencoder), group, READERS)
    for number, (item, heard) in enumerate(zip(group, samples, strict=True), 1):
        try:
            latents = _encode_item(job, item, heard)
        except UserError as error:
            rejected[str(item.path)] = str(error)
            continue
        finally:
            on_item(number)
        tensors[item.id] = latents
        if item.split == "train":
            exact = latents.double()
            count += exact.shape[1]
            sums += exact.sum(1)
            squares += exact.square().sum(1)
    save_tensors(job.out / f"{name}.safetensors", tensors)
    shard = {
        "sha256": job.source["sha256"],
        "sample": job.sample,
        "sources": _sources(group),
        "frames": {key: tensor.shape[1] for key, tensor in tensors.items()},
        "rejected": rejected,
        "statistics": {"count": count, "sum": sums.tolist(), "square": squares.tolist()},
    }
    _write_json(job.out / f"{name}.json", shard)
    return shard


@torch.inference_mode()
def _encode_item(job: _Job, item: Item, heard: np.ndarray | UserError) -> Tensor:
    """Latents (d, f) float16 on the CPU.

    Raises:
        UserError: the audio could not be read, or a latent does not fit into 16 bits.
    """
    if isinstance(heard, UserError):
        raise heard
    network = job.autoencoder
    samples = torch.from_numpy(heard)[None].to(job.device)
    posterior = encode_windowed(network, samples, _window_frames(job))
    latents = posterior.mean
    if job.sample:
        noise = torch.randn(latents.shape, generator=Draw(0, 0).generator(item.id))
        latents = posterior.sample(noise)
    half = latents[0].cpu().half()
    if not torch.isfinite(half).all():
        raise UserError(f"{item.path}: a latent is not finite in 16 bits")
    return half


def _samples_or_error(network: Autoencoder, item: Item) -> np.ndarray | UserError:
    try:
        return _samples(network, item)
    except UserError as error:
        return error


def _samples(network: Autoencoder, item: Item) -> np.ndarray:
    """Audio (channels, t) of an item, its parts added up."""
    added = np.zeros((network.channels, 0), np.float32)
    for path in item.parts or [item.path]:
        wave = audio.read(path, sample_rate=network.sample_rate, channels=network.channels)
        if not added.shape[1]:
            added = wave.samples.copy()
        elif added.shape == wave.samples.shape:
            added += wave.samples
        else:
            raise UserError(f"{path}: differs in length from the stems beside it")
    return added


def _window_frames(job: _Job) -> int:
    return max(1, round(job.window_seconds * job.autoencoder.latent_rate_hz))


def _index(
    job: _Job, shards: list[dict[str, Any]], items: list[Item], left_out: dict[str, str]
) -> dict[str, Any]:
    where = {
        key: (f"latents-{number:05d}.safetensors", frames)
        for number, shard in enumerate(shards)
        for key, frames in shard["frames"].items()
    }
    if not where:
        raise UserError(f"no item could be encoded; the first: {next(iter(left_out.values()))}")
    entries = [
        LatentItem(item.id, *where[item.id], item.seconds, item.split, item.captions, item.facts)
        for item in items
        if item.id in where
    ]
    mean, std = _statistics(shards)
    network = job.autoencoder
    return {
        "format": FORMAT,
        "autoencoder": job.source,
        "sample": job.sample,
        "sample_rate": network.sample_rate,
        "hop_samples": network.hop_samples,
        "latent_channels": network.latent_channels,
        "mean": mean.tolist(),
        "std": std.tolist(),
        "silence": _silence(job).tolist(),
        "rejected": left_out,
        "items": [asdict(entry) for entry in entries],
    }


def _statistics(shards: list[dict[str, Any]]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel (d,) over the frames of the training split."""
    parts = [shard["statistics"] for shard in shards]
    count = sum(part["count"] for part in parts)
    if count == 0:
        raise UserError("no item of the training split could be encoded, so there is no statistic")
    mean = sum(torch.tensor(part["sum"]).double() for part in parts) / count
    square = sum(torch.tensor(part["square"]).double() for part in parts) / count
    assert isinstance(mean, Tensor) and isinstance(square, Tensor)
    return mean, (square - mean.square()).clamp_min(1e-12).sqrt()


@torch.inference_mode()
def _silence(job: _Job) -> Tensor:
    """The latent (d,) of digital silence, away from the edges."""
    network = job.autoencoder
    frames = 2 * network.encode_margin_frames + 1
    zeros = torch.zeros(1, network.channels, frames * network.hop_samples, device=job.device)
    return network.encode(zeros).mean[0, :, network.encode_margin_frames].cpu().float()


def _progress(done: int, total: int) -> Progress:
    return Progress("encode", done, total)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with atomic(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
