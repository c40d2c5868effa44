"""Is a clip a copy of training material? Nearest neighbours by CLAP and by aligned latents.

After arXiv 2404.10301, section 4.5, which looks for the training items nearest to each generation
in CLAP space and listens to the closest pairs. Held-out real pieces go through the same search:
music of one kind resembles itself, and only what lies beyond them is suspicious.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from longform.audio import read
from longform.autoencoder.interface import Autoencoder
from longform.checkpoint import load_tensors, save_tensors
from longform.errors import UserError
from longform.files import check_writable
from longform.progress import OnProgress, Progress, quiet
from longform.train.dataset import scan
from longform.train.evaluate.autoencoder import WINDOW_FRAMES
from longform.train.evaluate.inventory import Asked
from longform.train.evaluate.measure import mapped, towers, window_embeddings
from longform.train.latents import LatentDataset

SEGMENT_SECONDS = 10.0
SEGMENTS = 3
CACHE = ".cache"


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The training item that a clip resembles most, how much (-1..1), and where in that item."""

    clip: str
    item: str
    likeness: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Library:
    """CLAP windows of the training items: `vectors` (n, e), and of which item and when each is."""

    ids: tuple[str, ...]
    vectors: np.ndarray
    owner: np.ndarray
    start_seconds: np.ndarray


def open_library(
    data: str | Path, model: str, cache: Path, *, jobs: int, on_progress: OnProgress = quiet
) -> Library:
    """Embed the training split of a corpus, or read it from `CACHE` in it if that is of the same
    files and towers; a corpus that cannot be written has it in the folder `cache`.

    Raises:
        UserError: no such corpus, or no training item in it.
    """
    items = scan(data, split="train")
    window_seconds = towers(model).config.audio.window_seconds
    path = _kept(Path(data), cache) / f"clap-{_fingerprint(items, model)}.safetensors"
    if path.is_file():
        held = load_tensors(path)
        vectors, owner = held["vectors"].numpy(), held["owner"].numpy()
    else:
        rows: list[np.ndarray] = []
        for row in mapped(_embed_item, [(item.path, model) for item in items], jobs):
            rows.append(row)
            on_progress(Progress("training items", len(rows), len(items)))
        vectors = np.concatenate(rows)
        owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        held = {"vectors": torch.from_numpy(vectors), "owner": torch.from_numpy(owner)}
        save_tensors(path, held, {"what": "CLAP windows of the training split"})
    first = np.searchsorted(owner, owner)
    starts = (np.arange(len(owner)) - first) * window_seconds
    return Library(
        ids=tuple(item.id for item in items), vectors=vectors, owner=owner, start_seconds=starts
    )


def nearest_by_clap(name: str, windows: np.ndarray, library: Library) -> Nearest:
    """The likest pair of a window of the clip `(k, e)` and a window of a training item."""
    likeness = (windows @ library.vectors.T).max(0)
    best = int(likeness.argmax())
    return Nearest(
        clip=name,
        item=library.ids[int(library.owner[best])],
        likeness=round(float(likeness[best]), 4),
        seconds=round(float(library.start_seconds[best]), 1),
    )


def nearest_by_latents(
    clips: Sequence[Asked],
    autoencoder: Autoencoder,
    training: LatentDataset,
    on_progress: OnProgress = quiet,
) -> list[Nearest | None]:
    """The best aligned match of any of `SEGMENTS` segments of each clip with a training item.

    Likeness is the correlation of `SEGMENT_SECONDS` of latents, each channel standardised by the
    training set's mean and deviation, at the best of all frame offsets: 1 for a copy.
    None for a clip that is shorter than a segment.
    """
    frames = round(SEGMENT_SECONDS * training.latent_rate_hz)
    segments = [_segments(clip, autoencoder, training, frames) for clip in clips]
    owner = np.repeat(np.arange(len(clips)), [len(one) for one in segments])
    spectra = _spectra(_centred(torch.cat(segments)))
    best = np.full(len(owner), -1.0)
    where = np.zeros((len(owner), 2), dtype=int)
    for number, item in enumerate(training.items):
        if item.frames >= frames:
            latents = _standard(training.window(number, 0, item.frames), training)
            values, offsets = _match(spectra, latents, frames).max(1)
            better = values.numpy() > best
            best[better] = values.numpy()[better]
            where[better, 0], where[better, 1] = number, offsets.numpy()[better]
        on_progress(Progress("latents", number + 1, len(training.items)))
    found: list[Nearest | None] = []
    for number, clip in enumerate(clips):
        mine = np.flatnonzero(owner == number)
        if not len(mine):
            found.append(None)
            continue
        top = mine[int(best[mine].argmax())]
        found.append(
            Nearest(
                clip=clip.path.name,
                item=training.items[where[top, 0]].id,
                likeness=round(float(best[top]), 4),
                seconds=round(float(where[top, 1] / training.latent_rate_hz), 1),
            )
        )
    return found


def _spectra(queries: Tensor) -> Tensor:
    """Conjugate spectra (bins, q, d) of unit queries (q, d, f), for `_match`."""
    block = _block_frames(queries.shape[2])
    return torch.fft.rfft(queries, n=block).conj().permute(2, 0, 1).contiguous()


def _match(spectra: Tensor, latents: Tensor, frames: int) -> Tensor:
    """Correlation of queries of `frames` with each stretch of latents (d, n): (q, n - frames + 1).

    By overlap-save: blocks of latents share a product with the queries at each frequency.
    """
    block = _block_frames(frames)
    count, step = latents.shape[1] - frames + 1, block - frames + 1
    blocks = -(-count // step)
    padded = F.pad(latents, (0, (blocks - 1) * step + block - latents.shape[1]))
    cut = padded.unfold(1, block, step)  # (d, blocks, block)
    products = torch.bmm(spectra, torch.fft.rfft(cut).permute(2, 0, 1))  # (bins, q, blocks)
    found = torch.fft.irfft(products.permute(1, 2, 0), n=block)[..., :step]
    sums, squares = (_running(one, frames) for one in (latents.sum(0), latents.square().sum(0)))
    spread = squares - sums.square() / (frames * latents.shape[0])
    return found.flatten(1)[:, :count] / spread.clamp(min=1e-6).sqrt()


def _block_frames(frames: int) -> int:
    """Length of the blocks that latents are searched in: a power of two, 4 to 8 queries long."""
    return 1 << (4 * frames - 1).bit_length()


def _running(values: Tensor, frames: int) -> Tensor:
    """Sums over each stretch of `frames` of (n,), float32 (n - frames + 1,)."""
    total = F.pad(values.double().cumsum(0), (1, 0))
    return (total[frames:] - total[:-frames]).float()


def _centred(segments: Tensor) -> Tensor:
    """Segments (q, d, f) of zero mean and unit norm."""
    moved = segments - segments.mean((1, 2), keepdim=True)
    return moved / moved.square().sum((1, 2), keepdim=True).clamp(min=1e-6).sqrt()


def _segments(
    clip: Asked, autoencoder: Autoencoder, training: LatentDataset, frames: int
) -> Tensor:
    """Evenly spread segments (k, d, frames); none of a clip that is shorter than one."""
    from longform.autoencoder.tiled import encode_windowed

    waveform = read(
        clip.path,
        start_seconds=clip.start_seconds,
        seconds=clip.excerpt_seconds,
        sample_rate=autoencoder.sample_rate,
        channels=autoencoder.channels,
    )
    with torch.inference_mode():
        audio = torch.from_numpy(waveform.samples)[None]
        latents = encode_windowed(autoencoder, audio, WINDOW_FRAMES).mean[0].float()
    room = latents.shape[1] - frames
    if room < 0:
        return torch.zeros(0, latents.shape[0], frames)
    starts = sorted({round(room * k / (SEGMENTS - 1)) for k in range(SEGMENTS)})
    whole = _standard(latents, training)
    return torch.stack([whole[:, start : start + frames] for start in starts])


def _standard(latents: Tensor, training: LatentDataset) -> Tensor:
    return (latents - training.mean[:, None]) / training.std.clamp(min=1e-6)[:, None]


def _embed_item(task: tuple[Path, str]) -> np.ndarray:
    path, model = task
    return window_embeddings(towers(model), read(path))


def _kept(data: Path, otherwise: Path) -> Path:
    """The corpus' own folder of such things: the next report need not listen to all of it again."""
    try:
        (data / CACHE).mkdir(exist_ok=True)
        return check_writable(data / CACHE / "clap.safetensors", overwrite=True).parent
    except (OSError, UserError):
        return otherwise


def _fingerprint(items: Sequence, model: str) -> str:
    from longform.bundle import Bundle

    files = [[item.id, item.path.stat().st_size] for item in items]
    text = json.dumps([Bundle.load(model).content_hash(), files])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
