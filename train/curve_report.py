"""Behind `longform train plot`: runs as text and as one picture, and what more hours would buy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from longform.errors import UserError
from longform.train.curve_fit import FEWEST_POINTS, PowerLaw, fit_power_law
from longform.train.curves import ADVERSARY, Curve, Placed, joined, place, read_run
from longform.train.evaluate.targets import readable
from longform.train.log import duration

HOURS = (1.0, 4.0, 16.0)
VALIDATION = "validation/loss"
EARLY_SHARE = 0.05
"""Points of the first steps say nothing of a power law: at least this share of a run's steps."""
RATE_SHARE = 0.25
"""The pace is that of the last part of the last run."""


@dataclass(frozen=True, kw_only=True)
class Extrapolation:
    """The law of the loss `name`, the points it was fitted to, and the pace of the last run.

    `by_parameters`: whether compute is amount times parameters, or the amount alone.
    """

    name: str
    law: PowerLaw
    points: Curve
    now: float
    per_hour: float
    unit: str
    by_parameters: bool

    def after(self, hours: float) -> float:
        """Compute when so many more hours went on at the same pace."""
        return self.now + hours * self.per_hour


def plot_command(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    loss: str | None = None,
    hours: Sequence[float] = HOURS,
    from_step: int | None = None,
    fit: bool = True,
    overwrite: bool = False,
) -> Extrapolation | None:
    """Draw runs into the picture `out` and print what they and the extrapolation say.

    A run is drawn behind the earlier one that it started from; the extrapolation is of the last.

    Raises:
        UserError: a folder that is no run, a figure that it does not log, too few points, a
            picture of an unknown kind or in the way.
    """
    from longform.files import atomic, check_writable
    from longform.train.curve_picture import KINDS, draw

    if Path(out).suffix.lower() not in KINDS:
        raise UserError(f"picture {str(out)!r}: name it with one of {', '.join(KINDS)}")
    if any(not 0 < one < 1e6 for one in hours):
        raise UserError(f"hours {min(hours):g} must be above 0 and below a million")
    check_writable(out, overwrite)
    placed = place([read_run(folder) for folder in folders])
    name = loss_name(placed[-1], loss)
    found = extrapolate(placed[-1], name, from_step) if fit else None
    with atomic(out, overwrite) as temporary:
        draw(placed, name, found, hours, temporary)
    print("\n".join([*(told(one, name) for one in placed), *_words(found, hours)]))
    print(f"picture: {out}")
    return found


def loss_name(last: Placed, asked: str | None) -> str:
    """The loss that is looked at: that of held-out items where there are points enough.

    Raises:
        UserError: the run does not log the one asked for.
    """
    names = sorted({key for row in last.run.rows for key in row if "/" in key})
    if asked is not None:
        if asked not in names:
            raise UserError(
                f"run {str(last.run.folder)!r} logs no {asked!r}; it has {', '.join(names)}"
            )
        return asked
    if sum(len(one.curve(VALIDATION)) for one in last.line) >= FEWEST_POINTS:
        return VALIDATION
    losses = [n for n in names if n.endswith("/loss") and not n.startswith((ADVERSARY, "valid"))]
    if not losses:
        raise UserError(f"run {str(last.run.folder)!r} logs no loss; name a figure with --loss")
    return losses[0]


def extrapolate(last: Placed, name: str, from_step: int | None = None) -> Extrapolation:
    """Fit the loss of a run and of those before it whose items are as long.

    Losses of windows of other lengths lie on another curve. The fit begins at step `from_step` of
    that curve, else after the learning rate's ramp and `EARLY_SHARE` of the steps.

    Raises:
        UserError: too few points, or a loss that does not fall.
    """
    line = last.line
    same = [one for one in line if one.run.item_amount == last.run.item_amount]
    alike = line[line.index(same[0]) :] if line[-len(same) :] == same else [last]
    points = joined([one.curve(name) for one in alike])
    first = _first_step(alike) if from_step is None else from_step
    points = points.kept(points.steps >= first)
    by_parameters = all(one.run.parameters for one in line)
    compute = points.compute if by_parameters else points.amount
    end = np.array([last.run.steps * (1 - RATE_SHARE), last.run.steps])
    seconds = float(np.diff(last.run.seconds_at(end))[0])
    per_step = last.run.step_amount * ((last.run.parameters or 0) if by_parameters else 1)
    before = last.compute_before if by_parameters else last.amount_before
    return Extrapolation(
        name=name,
        law=fit_power_law(compute, points.values),
        points=points,
        now=before + last.run.steps * per_step,
        per_hour=per_step * float(np.diff(end)[0]) / max(seconds, 1e-9) * 3600,
        unit=last.run.unit,
        by_parameters=by_parameters,
    )


def _first_step(line: Sequence[Placed]) -> float:
    run = line[0].run
    ramps = [one["warmup_steps"] for one in run.config["run"]["optimisers"].values()]
    return line[0].steps_before + max(*ramps, EARLY_SHARE * run.steps, 1)


def told(one: Placed, loss: str) -> str:
    """A run in a few lines: how far, how long, how much, and what came of it."""
    run = one.run
    amount = run.steps * run.step_amount
    size = "parameters unknown (no checkpoint yet)"
    if run.parameters is not None:
        size = f"{run.parameters / 1e6:.3g}M parameters = {amount * run.parameters:.3g}"
    spent = duration(float(run.seconds_at(np.array(run.steps))))
    lines = [f"{run.folder}: {run.steps} steps in {spent}, {readable(amount, run.unit)} x {size}"]
    if one.parent is not None:
        lines.append(f"  goes on from {one.parent.run.folder} after {one.steps_before:.0f} steps")
    elif run.config["run"]["start_from"] is not None:
        lines.append(
            f"  began with {run.config['run']['start_from']}, which is not drawn before it"
        )
    for name in dict.fromkeys((loss, VALIDATION)):
        values = one.curve(name).values
        if len(values):
            lines.append(f"  {name} {values[0]:.4g} -> {values[-1]:.4g}, least {values.min():.4g}")
    if run.evaluations:
        names = [key for key in run.evaluations[-1] if key not in ("step", "time")]
        pairs = [(key, one.curve(f"evaluation/{key}").values) for key in names]
        figures = ", ".join(f"{key} {v[0]:.3g} -> {v[-1]:.3g}" for key, v in pairs)
        lines.append(f"  {len(run.evaluations)} evaluations: {figures}")
    return "\n".join(lines)


def _words(found: Extrapolation | None, hours: Sequence[float]) -> list[str]:
    """The law, its range, and what each number of hours would buy."""
    if found is None:
        return []
    law, steps = found.law, found.points.steps
    axis = f"{found.unit} x parameters" if found.by_parameters else found.unit
    low, high = law.spread(found.now)
    lines = [
        f"{found.name} = {law.floor:.4g} + {law.scale:.4g} (C / {law.unit:.3g})^-{law.exponent:.3g}"
        f", C in {axis}; fitted to {law.points} points, steps {steps[0]:.0f} to {steps[-1]:.0f}, "
        f"scatter {law.scatter:.2g}",
        f"  now {float(law.at(found.now)):.4g} ({low:.4g} to {high:.4g})",
    ]
    for more in hours:
        compute = found.after(more)
        low, high = law.spread(compute)
        lines.append(
            f"  {more:g} more hour{'s'[: more != 1]}, {compute / found.now:.3g} times the compute: "
            f"{float(law.at(compute)):.4g} ({low:.4g} to {high:.4g})"
        )
    lines.append(
        "  in brackets 10 to 90 % of refits; the law knows one model and one learning rate: a "
        "falling rate makes the end of a run better than a longer run is there"
    )
    return lines
