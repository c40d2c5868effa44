"""What runs logged against steps, hours and compute; one goes on where the one before it ended."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longform.errors import UserError
from longform.train.evaluate.online import HISTORY
from longform.train.run_folder import read_config

LOG = "log.jsonl"
ADVERSARY = "discriminator"
COUNTED_PIECES = 64
"""Plans of which the mean number of tokens is taken."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run folder.

    Attributes:
        rows, evaluations: the lines of `log.jsonl` and of `evaluation.jsonl`, by step.
        parameters: of the trained model without a discriminator, None before a first checkpoint.
        item_amount: what an item holds of `unit`: seconds of audio, tokens, or itself.
        step_amount: what a step holds of it.
    """

    folder: Path
    config: Mapping[str, Any]
    rows: tuple[dict[str, float], ...]
    evaluations: tuple[dict[str, float], ...]
    parameters: int | None
    item_amount: float
    step_amount: float
    unit: str

    @property
    def steps(self) -> int:
        """The last step that was logged."""
        return int(self.rows[-1]["step"])

    def seconds_at(self, steps: np.ndarray) -> np.ndarray:
        """Seconds of training until each step, over all sessions."""
        told = [(row["step"], row["seconds"]) for row in self.rows if "seconds" in row]
        known = np.array([(0.0, 0.0), *told])
        return np.interp(steps, known[:, 0], known[:, 1])


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A run behind the one whose weights it began with: `before` is all that came earlier."""

    run: Run
    parent: "Placed | None"
    steps_before: float = 0.0
    seconds_before: float = 0.0
    amount_before: float = 0.0
    compute_before: float = 0.0

    def curve(self, name: str) -> "Curve":
        """A figure of this run by its name in the log, or "evaluation/NAME"."""
        kind, _, short = name.partition("/")
        rows = self.run.evaluations if kind == "evaluation" else self.run.rows
        key = short if kind == "evaluation" else name
        found = np.array([(row["step"], row[key]) for row in rows if key in row], dtype=float)
        found = found.reshape(-1, 2)
        steps = found[:, 0]
        amount = steps * self.run.step_amount
        return Curve(
            steps=self.steps_before + steps,
            hours=(self.seconds_before + self.run.seconds_at(steps)) / 3600,
            amount=self.amount_before + amount,
            compute=self.compute_before + amount * (self.run.parameters or 0),
            values=found[:, 1],
        )

    @property
    def line(self) -> "list[Placed]":
        """This run and those it stands on, the first one first."""
        return [*(self.parent.line if self.parent else []), self]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A figure over time: all `(n,)`; compute is amount times parameters."""

    steps: np.ndarray
    hours: np.ndarray
    amount: np.ndarray
    compute: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def kept(self, which: np.ndarray) -> "Curve":
        """The points of a mask."""
        return Curve(**{name: column[which] for name, column in vars(self).items()})


def joined(curves: Sequence[Curve]) -> Curve:
    """One curve of several, in their order."""
    names = vars(curves[0])
    return Curve(**{n: np.concatenate([vars(one)[n] for one in curves]) for n in names})


def read_run(folder: str | Path) -> Run:
    """Everything that a run folder tells of its course.

    Raises:
        UserError: it is no run folder, or nothing was logged in it yet.
    """
    folder = Path(folder)
    config = read_config(folder)
    rows = tuple(_lines(folder / LOG))
    if not any("seconds" in row for row in rows):
        raise UserError(f"run {str(folder)!r} has logged no step yet; there is nothing to draw")
    settings = config["run"]
    parameters, shards = _checkpoint(folder, settings["accumulate"])
    held, unit = item_amount(config)
    return Run(
        folder=folder,
        config=config,
        rows=rows,
        evaluations=tuple(_lines(folder / HISTORY)),
        parameters=parameters,
        item_amount=held,
        step_amount=held * settings["batch"] * shards,
        unit=unit,
    )


def place(runs: Sequence[Run]) -> list[Placed]:
    """Each run behind the earlier one of the list that its `run.start_from` names, if one does."""
    placed: list[Placed] = []
    for run in runs:
        parent, step = _parent(run, placed)
        if parent is None:
            placed.append(Placed(run=run, parent=None))
            continue
        amount = step * parent.run.step_amount
        seconds = float(parent.run.seconds_at(np.array(step)))
        placed.append(
            Placed(
                run=run,
                parent=parent,
                steps_before=parent.steps_before + step,
                seconds_before=parent.seconds_before + seconds,
                amount_before=parent.amount_before + amount,
                compute_before=parent.compute_before + amount * (parent.run.parameters or 0),
            )
        )
    return placed


def _parent(run: Run, earlier: Sequence[Placed]) -> tuple[Placed | None, int]:
    """The run that this one began with, and after which of its steps."""
    source = run.config["run"]["start_from"]
    if source is None:
        return None, 0
    path, step = Path(source), None
    name = path.name.removeprefix("step-")
    if name != path.name and name.isdecimal():
        path, step = path.parent.parent, int(name)
    for one in reversed(earlier):
        if one.run.folder.resolve() == path.resolve():
            return one, one.run.steps if step is None else step
    # Folders that moved, or a config with paths of another place: the name decides.
    alike = [one for one in earlier if one.run.folder.resolve().name == path.name]
    if len(alike) != 1:
        return None, 0
    return alike[0], alike[0].run.steps if step is None else step


def _lines(path: Path) -> Iterator[dict[str, float]]:
    """The whole lines of a log that may be being written."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "step" in row:
            yield row


def _checkpoint(folder: Path, accumulate: int) -> tuple[int | None, int]:
    """Parameters, and processes times accumulated batches, of the newest checkpoint."""
    from safetensors import SafetensorError, safe_open

    for one in sorted(folder.glob("checkpoints/step-*/state.json"), reverse=True):
        try:
            shards = int(json.loads(one.read_text(encoding="utf-8"))["shards"])
            with safe_open(one.with_name("networks.safetensors"), "np") as file:
                names = list(file.keys())
                shapes = {name: file.get_slice(name).get_shape() for name in names}
        except (OSError, ValueError, KeyError, SafetensorError):
            continue  # being written or broken: the one before it
        own = [shape for name, shape in shapes.items() if not name.startswith(ADVERSARY)]
        return sum(int(np.prod(shape)) for shape in own), shards
    return None, accumulate


def item_amount(config: Mapping[str, Any]) -> tuple[float, str]:
    """What an item of a batch holds, by the kind of run."""
    unit = "s of audio"
    if "windows" in config:
        return config["windows"][0]["frames"] / config["conditioner"]["latent_rate_hz"], unit
    if "data" in config:
        model = config["spectral"] or config["oobleck"]
        return config["data"]["crop_samples"] / model["sample_rate"], unit
    if "corpus" in config:
        audio = config["clap"]["audio"]
        return audio["window_frames"] * audio["hop_samples"] / audio["sample_rate"], unit
    if "planner" in config:
        return _plan_tokens(config), "tokens"
    return 1.0, "items"


def _plan_tokens(config: Mapping[str, Any]) -> float:
    from longform.config import from_mapping
    from longform.planner import PlannerConfig
    from longform.planner.vocabulary import Vocabulary
    from longform.train.planner_pieces import Pieces

    planner = from_mapping(PlannerConfig, config["planner"])
    pieces = Pieces(config["seed"], Vocabulary(planner.styles, planner.qualities))
    return float(np.mean([len(pieces[number].tokens) for number in range(COUNTED_PIECES)]))
