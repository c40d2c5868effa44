"""The form of a piece: what resembles what, where sections change, whether anything was glued.

Self-similarity after Foote (1999, 2000); arXiv 2404.10301 judges form by the same matrices, by
eye. The return score puts a number on what they look for.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from longform.audio import Waveform
from longform.train.evaluate.features import (
    ANALYSIS_RATE_HZ,
    analysis_mono,
    log_mel,
    pitch_saliency,
)

CELL_SECONDS = 1.0
NOVELTY_CELLS = 16
"""Side of the checkerboard kernel: 8 s of before against 8 s of after."""

REPEATED = 0.7
"""Similarity from which a second counts as heard elsewhere in the piece."""

SEAM_RATIO = 16.0
"""A seam stands out this many times as far as the 99.9th percentile of the piece itself.

Of 73 songbook pieces none does: their sharpest attack measures 15.4, nine tenths stay below 6.2.
"""


@dataclass(frozen=True, kw_only=True)
class Structure:
    """`similarity` (n, n) in -1..1 and `novelty` (n,) in 0..1, one row per `CELL_SECONDS`.

    `boundaries_seconds` are the novelty's peaks. `return_score` compares the best match that each
    cell of the second half has in the first half (more than 16 s back) to the average match: 0 when
    nothing comes back, about 1 when late parts repeat early ones exactly. `repetition_share` is the
    share of seconds whose surroundings (5 s) sound anywhere else, 8 s or more away.
    """

    similarity: np.ndarray
    novelty: np.ndarray
    boundaries_seconds: tuple[float, ...]
    return_score: float
    repetition_share: float


@dataclass(frozen=True, kw_only=True)
class Seam:
    """The largest spectral jump: its time, and its size over the piece's own 99.9th percentile."""

    seconds: float
    ratio: float

    @property
    def audible(self) -> bool:
        return self.ratio > SEAM_RATIO


def analyse_structure(waveform: Waveform, mono: np.ndarray | None = None) -> Structure:
    """Structure of a piece of at least a few seconds; `mono` spares work where it is known."""
    cells = structure_cells(analysis_mono(waveform) if mono is None else mono)
    similarity = cells @ cells.T
    # Sections are longer than a chord: novelty looks at cells blurred over a phrase.
    blurred = _unit(gaussian_filter1d(cells, 3.0, axis=0))
    novelty = novelty_curve(blurred @ blurred.T)
    return Structure(
        similarity=similarity,
        novelty=novelty,
        boundaries_seconds=tuple(float(cell) * CELL_SECONDS for cell in _peaks(novelty)),
        return_score=return_score(similarity),
        repetition_share=repetition_share(similarity),
    )


def structure_cells(samples: np.ndarray) -> np.ndarray:
    """Unit vectors `(cells, features)` of mono audio: timbre (cepstra of log-mel) and chroma."""
    hop = 2205
    per_cell = int(CELL_SECONDS * ANALYSIS_RATE_HZ / hop)
    mel = log_mel(samples, window_samples=4096, hop_samples=hop, bands=40)
    cepstra = np.asarray(fft.dct(mel, axis=1, norm="ortho"), dtype=np.float32)[:, :14]
    pitch = pitch_saliency(samples, window_samples=8192, hop_samples=hop, low=48, high=96)
    chroma = np.sqrt(pitch.reshape(len(pitch), -1, 12).sum(1))
    frames = min(len(cepstra), len(chroma))
    joined = [_cells(part[:frames], per_cell) for part in (cepstra, chroma)]
    return _unit(np.concatenate([_unit(_standard(part)) for part in joined], axis=1))


def novelty_curve(similarity: np.ndarray) -> np.ndarray:
    """Foote's checkerboard novelty `(n,)`, scaled to a maximum of 1."""
    half = NOVELTY_CELLS // 2
    axis = np.arange(-half, half) + 0.5
    taper = np.exp(-((axis / half) ** 2) * 2)
    kernel = np.outer(np.sign(axis) * taper, np.sign(axis) * taper)
    padded = np.pad(similarity, half, mode="edge")
    novelty = np.array(
        [
            float((padded[i : i + 2 * half, i : i + 2 * half] * kernel).sum())
            for i in range(len(similarity))
        ]
    )
    # Near the ends the kernel sees more padding than music.
    inside = np.minimum(np.arange(len(novelty)), np.arange(len(novelty))[::-1]) / half
    novelty = np.maximum(novelty, 0) * np.minimum(inside, 1)
    return novelty / max(float(novelty.max(initial=0.0)), 1e-9)


def return_score(similarity: np.ndarray) -> float:
    """How much of the second half was heard in the first: see `Structure`."""
    count = len(similarity)
    if count < 40:
        return 0.0
    smooth = _along_diagonals(similarity)
    late, early = np.arange(count // 2, count), np.arange(count // 2)
    block = np.where(late[:, None] - early > 16, smooth[count // 2 :, : count // 2], -1)
    usual = float(smooth.mean())
    return round(float((block.max(1).mean() - usual) / max(1 - usual, 1e-6)), 3)


def repetition_share(similarity: np.ndarray) -> float:
    """Share of cells whose likest cell, 8 s or more away, is at least `REPEATED` alike."""
    count = len(similarity)
    away = np.abs(np.arange(count)[:, None] - np.arange(count)) >= 8
    best = np.where(away, _along_diagonals(similarity), -1).max(1)
    return round(float(np.mean(best >= REPEATED)), 3)


def largest_seam(waveform: Waveform) -> Seam:
    """The most click-like moment: where the fourth difference stands out most from both its sides.

    A splice of two sounds leaves a step or a kink, which differencing turns into an impulse, far
    above the 5 ms before and the 5 ms after. A drum hit is only above what came before.
    """
    samples = waveform.samples.mean(0, dtype=np.float64)
    if samples.size < waveform.sample_rate or not np.any(samples):
        return Seam(seconds=0.0, ratio=0.0)
    jump = np.abs(np.diff(samples, n=4))
    side = int(0.005 * waveform.sample_rate)
    level = np.sqrt(np.maximum(uniform_filter1d(jump**2, side), 0))
    gap = side // 2 + 4  # the jump itself belongs to neither side
    louder = np.maximum(np.roll(level, gap), np.roll(level, -gap))
    excess = jump / (louder + 1e-4)
    at = int(np.argmax(excess))
    usual = max(float(np.percentile(excess, 99.9)), 1e-6)
    return Seam(
        seconds=round(at / waveform.sample_rate, 3), ratio=round(float(excess[at]) / usual, 3)
    )


def join_percentile(waveform: Waveform, seconds: float) -> float:
    """How unusual the spectral change at a known join is: its percentile among all moments.

    The change is the distance of the mean log-mel of the 0.1 s before to that of the 0.1 s after.
    """
    hop = 441
    mel = log_mel(analysis_mono(waveform), window_samples=1024, hop_samples=hop, bands=40)
    width = int(0.1 * ANALYSIS_RATE_HZ / hop)
    means = uniform_filter1d(mel, width, axis=0)
    change = np.linalg.norm(means[width:] - means[:-width], axis=1)
    at = round(seconds * ANALYSIS_RATE_HZ / hop) - width // 2
    at = min(max(at, 0), len(change) - 1)
    return round(float((change < change[at]).mean() * 100), 2)


def _along_diagonals(similarity: np.ndarray) -> np.ndarray:
    """What returns does so in order: the average along the diagonals, two cells either way."""
    count = len(similarity)
    wide = np.pad(similarity, 2, mode="reflect") if count > 2 else np.pad(similarity, 2, "edge")
    return np.mean([wide[k : k + count, k : k + count] for k in range(5)], axis=0)


def _cells(frames: np.ndarray, per_cell: int) -> np.ndarray:
    count = max(len(frames) // per_cell, 1)
    return np.stack([part.mean(0) for part in np.array_split(frames[: count * per_cell], count)])


def _standard(cells: np.ndarray) -> np.ndarray:
    smooth = gaussian_filter1d(cells, 1.0, axis=0)
    return (smooth - smooth.mean(0)) / (smooth.std(0) + 1e-6)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _peaks(novelty: np.ndarray) -> np.ndarray:
    from scipy.signal import find_peaks

    return find_peaks(novelty, height=0.3, distance=6)[0]
