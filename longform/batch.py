"""Many items from one file: restartable, nothing lost, nothing overwritten.

A list is a CSV or JSONL file with one item a row. Columns: the fields of `Request` (`prompt`,
`seconds`, `seed`, ...), `job` (default "generate"), `name` (of the output file), `item`, the
recordings `like` and `melody`, and for other jobs their parameters and `audio`, theirs.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longform.audio import read
from longform.config import from_mapping
from longform.deliver import FINISHED_JOBS, deliver, model_hash, recipe_of
from longform.errors import UserError
from longform.files import atomic
from longform.finish import Finishing
from longform.progress import OnProgress, quiet
from longform.provenance import Recipe, read_recipe, sidecar_of
from longform.replay import make
from longform.request import Request, like_amount, slug

if TYPE_CHECKING:
    from longform.pipeline import Pipeline

STATE = ".longform-batch.json"
MAX_ITEMS = 10_000
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Item:
    """One row: what to make and what to call it; `key` stands for its contents."""

    number: int
    key: str
    job: str
    parameters: dict[str, Any]
    name: str
    item: int = 0
    recordings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A row that could not be made, and why."""

    number: int
    prompt: str
    reason: str


@dataclass
class Report:
    """Paths of what was made now, of what was there already, and what failed."""

    made: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def read_list(path: str | Path) -> tuple[list[Item], list[Failure]]:
    """The items of a .csv or .jsonl file, and the rows that cannot be followed.

    An item without a seed gets one from its contents, so it is the same in every run; equal rows
    get different ones.

    Raises:
        UserError: the file is missing, of another kind, empty or too long.
    """
    path = Path(path)
    rows = _rows(path)
    if not rows:
        raise UserError(f"{path}: holds no items")
    if len(rows) > MAX_ITEMS:
        raise UserError(f"{path}: {len(rows)} items; the limit is {MAX_ITEMS}")
    items, failures = [], []
    seen: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        try:
            text = json.dumps(row, sort_keys=True, default=str)
            seen[text] += 1
            items.append(_item(number, row, f"{text}#{seen[text]}", path.parent))
        except UserError as error:
            prompt = str(row.get("prompt", "")) if isinstance(row, dict) else ""
            failures.append(Failure(number=number, prompt=prompt, reason=str(error)))
    return items, failures


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


def _rows(path: Path) -> list[Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text") from None
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(io.StringIO(text), strict=True, restkey="surplus columns")
        try:
            return [{k: v for k, v in row.items() if v} for row in reader if any(row.values())]
        except csv.Error as error:
            raise UserError(f"{path}: line {reader.line_num}: {error}") from None
    if path.suffix.lower() != ".jsonl":
        raise UserError(f"{path}: a list is a .csv or .jsonl file")
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError):
                raise UserError(f"{path}: line {number} is not JSON") from None
    return rows


def _item(number: int, row: Any, contents: str, beside: Path) -> Item:
    if not isinstance(row, dict):
        raise UserError("a row of a .jsonl list is an object in braces")
    values = {name.strip().lower(): value for name, value in row.items() if value is not None}
    key = hashlib.sha256(contents.encode()).hexdigest()
    job = str(values.pop("job", "generate"))
    given = [column for column in ("audio", "like", "melody") if column in values]
    recordings = {column: str(beside / str(values.pop(column))) for column in given}
    name = str(values.pop("name", ""))
    take = _number("item", values.pop("item", 0))
    parameters = {column: _value(column, value) for column, value in values.items()}
    parameters.setdefault("seed", int(key[:8], 16) >> 1)
    if "like" in recordings:
        prompt, amount = parameters.setdefault("prompt", ""), parameters.get("like_amount")
        parameters["like_amount"] = like_amount(str(prompt), amount)
    if job == "generate":
        from_mapping(Request, parameters, "row")
    wrong = recordings.keys() & ({"audio"} if job == "generate" else {"like", "melody"})
    if wrong:
        raise UserError(f"{job} takes no {min(wrong)}; name a job that does")
    prompt = str(parameters.get("prompt") or job)
    return Item(
        number=number,
        key=key,
        job=job,
        parameters=parameters,
        name=slug(name) if name else f"{number:03d}-{slug(prompt)}",
        item=int(take),
        recordings=recordings,
    )


_TEXTS = {"prompt", "negative", "key", "plan"}


def _value(column: str, value: Any) -> Any:
    """CSV knows text alone: outside of the text columns numbers, yes, no and JSON are read."""
    if not isinstance(value, str) or column in _TEXTS:
        return value
    word = value.strip().lower()
    if word in ("true", "yes", "false", "no"):
        return word in ("true", "yes")
    if word.startswith(("[", "{")):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise UserError(f"{column}: {value!r} is not JSON") from None
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return value


def _number(column: str, value: Any) -> int:
    number = _value(column, value)
    if not isinstance(number, int) or number < 0:
        raise UserError(f"{column} {value!r} is not a whole number from 0")
    return number


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
