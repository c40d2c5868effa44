"""Pictures of what was measured; matplotlib draws into files, no display needed."""

from pathlib import Path

import numpy as np

from longform.errors import UserError
from longform.train.evaluate.structure import CELL_SECONDS, Structure


def save_structure_plot(structure: Structure, path: str | Path, title: str) -> None:
    """The self-similarity matrix over the novelty curve, as a PNG.

    Raises:
        UserError: matplotlib is not installed.
    """
    made = figure_class()
    figure = made(figsize=(6.4, 7.6), layout="constrained")
    matrix, curve = figure.subplots(2, 1, height_ratios=[5, 1])
    seconds = len(structure.similarity) * CELL_SECONDS
    # Contrast between the 5th and 99th percentile: the diagonal alone would take all of it.
    low, high = np.percentile(structure.similarity, [5, 99])
    matrix.imshow(
        structure.similarity,
        extent=(0, seconds, seconds, 0),
        cmap="magma",
        vmin=float(low),
        vmax=float(max(high, low + 1e-3)),
        interpolation="nearest",
    )
    matrix.set_title(f"{title}\nreturn score {structure.return_score:.2f}", fontsize=9)
    matrix.set_ylabel("seconds")
    times = (np.arange(len(structure.novelty)) + 0.5) * CELL_SECONDS
    curve.plot(times, structure.novelty, linewidth=1)
    for boundary in structure.boundaries_seconds:
        curve.axvline(boundary, linewidth=0.7, color="tab:red")
    curve.set_xlim(0, seconds)
    curve.set_ylim(0, 1.05)
    curve.set_xlabel("seconds; section changes in red")
    curve.set_ylabel("novelty")
    figure.savefig(path, dpi=110)


def figure_class() -> type:
    """Matplotlib's `Figure`, which draws into files without a display.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("plots need matplotlib: pip install 'longform[train]'") from None
    return Figure
