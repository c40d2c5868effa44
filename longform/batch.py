"""Many items, one after the other: restartable, nothing lost, nothing overwritten."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longform.audio import read
from longform.batch_list import Failure, Item
from longform.deliver import FINISHED_JOBS, deliver, model_hash, recipe_of
from longform.errors import UserError
from longform.files import atomic
from longform.finish import Finishing
from longform.progress import OnProgress, quiet
from longform.provenance import Recipe, read_recipe, restore_sidecar, sidecar_of
from longform.replay import make

if TYPE_CHECKING:
    from longform.pipeline import Pipeline

STATE = ".longform-batch.json"
_FORMAT = 1


@dataclass
class Report:
    """Paths of what was made now, of what was there already, and what failed."""

    made: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def run_batch(
    pipe: "Pipeline",
    items: list[Item],
    folder: Path,
    *,
    suffix: str = ".wav",
    bits: int | None = None,
    finishing: Finishing | None = Finishing(),  # noqa: B008 (frozen)
    on_item: Callable[[Item, Path | None, str], None] = lambda *_: None,
    on_progress: OnProgress = quiet,
) -> Report:
    """Make every item that is not there yet, into `folder`.

    What is done is noted in the state file after each item, so an interrupted run goes on where it
    stopped. An item that fails is noted and the rest goes on. `on_item` hears of each item, its
    path and "made", "there" or the reason why it failed.

    Raises:
        UserError: the folder or its state file cannot be used.
    """
    state = _State.load(folder, model_hash(pipe))
    report = Report()
    for item in items:
        there = state.find(item)
        if there is not None:
            report.skipped.append(there)
            on_item(item, there, "there")
            continue
        try:
            path = _make(pipe, item, folder, suffix, bits, finishing, on_progress)
        except (UserError, RuntimeError, MemoryError, OSError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            prompt = str(item.parameters.get("prompt", ""))
            report.failures.append(Failure(number=item.number, prompt=prompt, reason=reason))
            on_item(item, None, reason)
            continue
        state.add(item, path)
        report.made.append(path)
        on_item(item, path, "made")
    return report


def _make(
    pipe: "Pipeline",
    item: Item,
    folder: Path,
    suffix: str,
    bits: int | None,
    finishing: Finishing | None,
    on_progress: OnProgress,
) -> Path:
    inputs = {name: read(path) for name, path in item.recordings.items()}
    levels = finishing if item.job in FINISHED_JOBS else None
    task: dict[str, Any] = {
        "job": item.job,
        "parameters": item.parameters,
        "item": item.item,
        "inputs": inputs,
    }
    path = _place(folder / f"{item.name}{suffix}", recipe_of(pipe, **task, finishing=levels))
    if not path.exists():
        result = make(pipe, **task, on_progress=on_progress)
        deliver(result, path, pipe=pipe, **task, finishing=levels, bits=bits)
    restore_sidecar(path)
    return path


def _place(path: Path, recipe: Recipe) -> Path:
    """The path, or the same with a number: the first that is free or already holds this very task.

    The latter is what an interrupt between writing a file and noting it leaves behind.
    """
    wanted, number = path, 1
    while path.exists() or sidecar_of(path).exists():
        with suppress(UserError):
            if path.exists() and read_recipe(path).same_task(recipe):
                return path
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path


@dataclass
class _State:
    """What is done in a folder: for each item's key, its file. Kept on disk after every change."""

    folder: Path
    model_sha256: str
    files: dict[str, str]

    @classmethod
    def load(cls, folder: Path, model_sha256: str) -> "_State":
        path = folder / STATE
        if not path.is_file():
            return cls(folder, model_sha256, {})
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["format"] != _FORMAT:
                raise ValueError
            return cls(folder, model_sha256, {str(k): str(v) for k, v in record["files"].items()})
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            raise UserError(f"{path}: is damaged; move it away to start over") from None

    def find(self, item: Item) -> Path | None:
        """The file of an item that is done with this model and still there."""
        name = self.files.get(self._key(item))
        path = None if name is None else self.folder / Path(name).name
        return path if path is not None and path.is_file() else None

    def add(self, item: Item, path: Path) -> None:
        self.files[self._key(item)] = path.name
        text = json.dumps({"format": _FORMAT, "files": self.files}, indent=1)
        with atomic(self.folder / STATE, overwrite=True) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def _key(self, item: Item) -> str:
        return f"{item.key[:32]}-{self.model_sha256[:16]}"
