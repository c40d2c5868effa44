"""Figures of memorisation: generated clips and held-out real pieces beside the training items."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from longform.bundle import Bundle
from longform.progress import OnProgress
from longform.train.evaluate.distances import overlap_share
from longform.train.evaluate.figures import Figures, Population
from longform.train.evaluate.memorisation import (
    Nearest,
    nearest_by_clap,
    nearest_by_latents,
    open_library,
)
from longform.train.latents import LatentDataset

HELD_OUT_PERCENTILE = 99
CLOSEST = 12


def put_by_clap(
    figures: Figures,
    sides: tuple[Population, Population],
    training: Path,
    scorer: str,
    cache: Path,
    *,
    jobs: int,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Neighbours of clips and of real pieces by windows of CLAP; returns the details.

    Raises:
        UserError: no such corpus, or no training item in it.
    """
    library = open_library(training, scorer, cache, jobs=jobs, on_progress=on_progress)
    made, real = (
        [nearest_by_clap(one.asked.path.name, one.windows, library) for one in clips]
        for clips in sides
    )
    return _put(figures, "clap", made, real)


def put_by_latents(
    figures: Figures,
    sides: tuple[Population, Population],
    latents: Path,
    model: str,
    on_progress: OnProgress,
) -> dict[str, Any] | None:
    """The same by aligned latents; None where those are of another autoencoder than the model's.

    Raises:
        UserError: no latents in that folder, or no such model.
    """
    training, autoencoder = LatentDataset(latents, "train"), Bundle.load(model).autoencoder()
    if autoencoder.hop_samples != training.hop_samples or (
        autoencoder.latent_channels != training.latent_channels
    ):
        return None
    made, real = sides
    everything = [one.asked for one in (*made, *real)]
    found = nearest_by_latents(everything, autoencoder, training, on_progress)
    ours, theirs = found[: len(made)], found[len(made) :]
    return _put(figures, "latent", [x for x in ours if x], [x for x in theirs if x])


def _put(
    figures: Figures, name: str, made: Sequence[Nearest], real: Sequence[Nearest]
) -> dict[str, Any]:
    """Both distributions, the share of clips beyond the held-out pieces, and the closest pairs."""
    if not made:
        return {}
    ours, theirs = ([one.likeness for one in side] for side in (made, real))
    usual = float(np.median(theirs)) if theirs else None
    figures.put(f"memorisation.{name}_median", float(np.median(ours)), usual)
    details: dict[str, Any] = {
        "clips": ours,
        "held_out": theirs,
        "closest": _closest(made),
        "closest_held_out": _closest(real),
    }
    if theirs:
        line = float(np.percentile(theirs, HELD_OUT_PERCENTILE))
        beyond = [float(np.mean(np.array(side) > line)) for side in (ours, theirs)]
        figures.put(f"memorisation.{name}_beyond", *beyond)
        figures.put(f"memorisation.{name}_overlap", overlap_share(ours, theirs))
        details |= {"line": round(line, 4), "largest": max(ours)}
    return details


def _closest(pairs: Sequence[Nearest]) -> list[dict[str, Any]]:
    return [asdict(one) for one in sorted(pairs, key=lambda one: -one.likeness)[:CLOSEST]]
