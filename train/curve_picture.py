"""The picture of `longform train plot`: losses and evaluations against steps, compute and hours."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longform.train.curves import Curve, Placed
from longform.train.evaluate.plots import figure_class

if TYPE_CHECKING:
    from longform.train.curve_report import Extrapolation

KINDS = (".png", ".svg", ".pdf")
COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")
MARKERS = "osD^vP*Xdp"
SHOWN_PERCENT = 97
"""The first losses are far above the rest: the axis ends at this percentile."""


def draw(
    placed: Sequence[Placed],
    loss: str,
    found: "Extrapolation | None",
    hours: Sequence[float],
    path: Path,
) -> None:
    """Write the picture; the kind of file is that of the path's suffix.

    Raises:
        UserError: matplotlib is not installed.
    """
    by_parameters = all(one.run.parameters for one in placed)
    if found is not None:
        by_parameters = found.by_parameters
    amount = "compute" if by_parameters else "amount"
    unit = placed[-1].run.unit + (" x parameters" if by_parameters else "")
    axes = {"steps": "steps", amount: unit, "hours": "hours of training"}
    figures = _figures(placed)
    rows = 2 if figures else 1
    figure = figure_class()(figsize=(13, 4.2 * rows), layout="constrained")
    panels = np.asarray(figure.subplots(rows, len(axes), squeeze=False))
    for column, (axis, title) in enumerate(axes.items()):
        _losses(panels[0, column], placed, loss, axis)
        if figures:
            _evaluations(panels[1, column], placed, figures, axis)
        for panel in panels[:, column]:
            panel.set_xlabel(title)
            panel.grid(alpha=0.3)
        if axis == amount:
            _log_axis(list(panels[:, column]), placed, loss, axis)
            if found is not None:
                _law(panels[0, column], found, hours, axis)
    panels[0, 0].set_ylabel(loss)
    for panel in panels[:, 0]:
        panel.legend(fontsize=7)
    figure.savefig(path, dpi=110)


def _figures(placed: Sequence[Placed]) -> list[str]:
    """Everything that was measured beside losses, named as `Placed.curve` takes it."""
    found: dict[str, None] = {}
    for one in placed:
        for row in one.run.rows:
            names = [key for key in row if key.startswith("validation/") and "loss" not in key]
            found |= dict.fromkeys(names)
        for row in one.run.evaluations:
            names = [f"evaluation/{key}" for key in row if key not in ("step", "time")]
            found |= dict.fromkeys(names)
    return list(found)


def _losses(panel: Any, placed: Sequence[Placed], loss: str, axis: str) -> None:
    """Each run in its colour: the loss as a line, that of held-out items as points."""
    values = []
    for number, one in enumerate(placed):
        colour = COLOURS[number % len(COLOURS)]
        for name in _shown(one, loss):
            curve = one.curve(name)
            held_out = name.startswith("validation/")
            panel.plot(
                vars(curve)[axis],
                curve.values,
                "o-" if held_out else "-",
                color=colour,
                alpha=1.0 if held_out or name == loss else 0.4,
                linewidth=1,
                markersize=3,
                label=f"{one.run.folder.name} {name}",
            )
            values.extend(curve.values)
    low, high = min(values), float(np.percentile(values, SHOWN_PERCENT))
    room = max(0.05 * (high - low), 1e-9)
    panel.set_ylim(low - room, high + room)


def _shown(one: Placed, loss: str) -> list[str]:
    """The loss looked at and, beside it, that of held-out items or of training."""
    phase = next((k for row in one.run.rows for k in row if k.endswith("/loss")), loss)
    names = dict.fromkeys((loss, phase, "validation/loss"))
    return [name for name in names if len(one.curve(name))]


def _evaluations(panel: Any, placed: Sequence[Placed], names: Sequence[str], axis: str) -> None:
    for number, one in enumerate(placed):
        for rank, name in enumerate(names):
            curve = one.curve(name)
            if len(curve):
                panel.plot(
                    vars(curve)[axis],
                    curve.values,
                    f"{MARKERS[rank % len(MARKERS)]}-",
                    color=f"C{rank}",
                    alpha=max(1 - 0.25 * number, 0.3),
                    linewidth=1,
                    markersize=3,
                    label=f"{one.run.folder.name} {name.removeprefix('evaluation/')}",
                )


def _log_axis(panels: Sequence[Any], placed: Sequence[Placed], loss: str, axis: str) -> None:
    """Compute in powers of ten, from the first point of any run."""
    first = [float(x) for one in placed for x in vars(one.curve(loss))[axis][:1] if x > 0]
    for panel in panels:
        panel.set_xscale("log")
        panel.tick_params(axis="x", which="minor", labelbottom=False)
        if first:
            panel.set_xlim(left=0.8 * min(first))


def _law(panel: Any, found: "Extrapolation", hours: Sequence[float], axis: str) -> None:
    """Dashed: through the points it was fitted to, and on for the longest of `hours`."""
    points: Curve = found.points
    start, end = float(vars(points)[axis][0]), found.after(max(hours, default=1.0))
    compute = np.geomspace(start, end, 200)
    spread = np.array([found.law.spread(float(one)) for one in compute])
    panel.plot(compute, found.law.at(compute), "k--", linewidth=1.2, label="power law")
    panel.fill_between(compute, spread[:, 0], spread[:, 1], color="k", alpha=0.12, linewidth=0)
    for edge in (start, float(vars(points)[axis][-1])):
        panel.axvline(edge, color="k", linewidth=0.7, linestyle=":")
    for more in hours:
        value = float(found.law.at(found.after(more)))
        panel.plot([found.after(more)], [value], "kx", markersize=5)
        panel.annotate(f"+{more:g} h", (found.after(more), value), fontsize=7, va="bottom")
    low, high = panel.get_ylim()
    lowest = float(min(spread[:, 0].min(), found.law.at(end)))
    panel.set_ylim(min(low, lowest - 0.05 * (high - lowest)), high)
    panel.set_xlim(right=1.3 * end)
    panel.legend(fontsize=7)
