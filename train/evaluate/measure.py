"""Everything that one clip alone tells, measured in parallel over clips."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from longform.audio import Waveform, read
from longform.progress import OnProgress, Progress, quiet
from longform.train.evaluate.clips import Clip, listen
from longform.train.evaluate.descriptors import Descriptors, describe
from longform.train.evaluate.features import analysis_mono, log_mel
from longform.train.evaluate.harmony import hear_harmony
from longform.train.evaluate.inventory import Asked
from longform.train.evaluate.mix import MixFacts, measure_mix
from longform.train.evaluate.structure import Structure, analyse_structure

if TYPE_CHECKING:
    from longform.clap import Clap

T = TypeVar("T")
R = TypeVar("R")
PICTURE_COLUMNS, PICTURE_ROWS = 360, 80
RETURN_SHORTEST_SECONDS = 40.0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """For the report: `outline` (columns,) peak 0..1, `spectrogram` (rows, columns) 0..1."""

    outline: np.ndarray
    spectrogram: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One clip: `windows` (k, e) are unit CLAP embeddings, one per window of the audio tower."""

    asked: Asked
    clip: Clip
    mix: MixFacts
    structure: Structure
    descriptors: Descriptors
    windows: np.ndarray
    picture: Picture

    @property
    def embedding(self) -> np.ndarray:
        """The unit vector `(e,)` of the whole clip, as `Clap.embed_audio` makes it."""
        mean = self.windows.mean(0)
        return mean / np.linalg.norm(mean)

    @property
    def return_score(self) -> float | None:
        """How much early material returns late; None for clips too short to tell."""
        long_enough = self.clip.signal.seconds >= RETURN_SHORTEST_SECONDS
        return self.structure.return_score if long_enough else None


def measure_all(
    clips: Sequence[Asked], model: str, *, jobs: int, stage: str, on_progress: OnProgress = quiet
) -> list[Measured]:
    """Measure every clip with the towers of bundle `model`; the result does not depend on `jobs`.

    Raises:
        UserError: no such model, a clip that cannot be read.
    """
    done: list[Measured] = []
    for one in mapped(_measure, [(clip, model) for clip in clips], jobs):
        done.append(one)
        on_progress(Progress(stage, len(done), len(clips)))
    return done


def mapped(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Iterator[R]:
    """`work(task)` of every task in order, in up to `jobs` processes of one thread each."""
    if min(jobs, len(tasks)) <= 1:
        with single_thread():
            yield from map(work, tasks)
        return
    with ProcessPoolExecutor(
        min(jobs, len(tasks)),
        get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        yield from pool.map(work, tasks)


@contextmanager
def single_thread() -> Iterator[None]:
    """One torch thread, so that sums come out alike in any number of processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def default_jobs() -> int:
    """One process for each core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def window_embeddings(clap: "Clap", waveform: Waveform) -> np.ndarray:
    """Unit embeddings `(k, e)` of the windows of a waveform of any rate."""
    resampled = waveform.resampled(clap.config.audio.sample_rate)
    with torch.inference_mode():
        mel = clap.mel(torch.from_numpy(np.ascontiguousarray(resampled.samples))[None])
        each = clap.audio(clap.audio.windows(mel)[0]).float()
        return torch.nn.functional.normalize(each, dim=-1).numpy()


@cache
def towers(model: str) -> "Clap":
    """The CLAP of a bundle, loaded once per process."""
    from longform.bundle import Bundle

    return Bundle.load(model).clap()


def _measure(task: tuple[Asked, str]) -> Measured:
    asked, model = task
    waveform = read(
        asked.path, start_seconds=asked.start_seconds, seconds=asked.excerpt_seconds
    ).to_channels(2)
    mono = analysis_mono(waveform)
    harmony, structure = hear_harmony(mono), analyse_structure(waveform, mono)
    clip = listen(
        waveform,
        name=asked.name,
        style=asked.style,
        asked_bpm=asked.bpm,
        asked_key=asked.key,
        mono=mono,
        harmony=harmony,
        chords=asked.chords,
        start_seconds=asked.start_seconds,
    )
    return Measured(
        asked=asked,
        clip=clip,
        mix=measure_mix(waveform),
        structure=structure,
        descriptors=describe(mono, harmony, structure, clip.heard_bpm),
        windows=window_embeddings(towers(model), waveform),
        picture=_picture(waveform, mono),
    )


def _picture(waveform: Waveform, mono: np.ndarray) -> Picture:
    loud = np.abs(waveform.samples).max(0)
    outline = np.array([part.max(initial=0) for part in np.array_split(loud, PICTURE_COLUMNS)])
    mel = log_mel(mono, window_samples=2048, hop_samples=512, bands=PICTURE_ROWS)
    parts = np.array_split(mel, min(PICTURE_COLUMNS, len(mel)))
    columns = np.stack([part.mean(0) for part in parts], axis=1)
    lowest = float(columns.min())
    scaled = (columns - lowest) / max(float(columns.max()) - lowest, 1e-9)
    return Picture(outline=np.minimum(outline, 1), spectrogram=scaled[::-1])
