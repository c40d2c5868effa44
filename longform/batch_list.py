"""What a batch is asked for: items out of a CSV or JSONL file, or out of Python.

One item a row. Columns: the fields of `Request` (`prompt`, `seconds`, `seed`, ...), `job`, `name`
(of the output file), `item`, the recordings `like` and `melody`, and for other jobs their
parameters and `audio`, theirs. Without a job, a row with `audio` is a transfer, others "generate".
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longform.config import from_mapping
from longform.errors import UserError
from longform.request import Request, like_amount, slug

MAX_ITEMS = 10_000
_ALIASES = {"init_audio": "audio", "negative_prompt": "negative"}


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
    return items_of(rows, path.parent)


def items_of(rows: Iterable[Any], beside: str | Path = ".") -> tuple[list[Item], list[Failure]]:
    """The items of rows that map columns to values, and the rows that cannot be followed.

    Recordings are looked for in the folder `beside`.
    """
    items, failures = [], []
    seen: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        try:
            text = json.dumps(row, sort_keys=True, default=str)
            seen[text] += 1
            items.append(_item(number, row, f"{text}#{seen[text]}", Path(beside)))
        except UserError as error:
            named = {_column(name): row[name] for name in row} if isinstance(row, dict) else {}
            prompt = str(named.get("prompt", ""))
            failures.append(Failure(number=number, prompt=prompt, reason=str(error)))
    return items, failures


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
    values = {_column(name): value for name, value in row.items() if value is not None}
    key = hashlib.sha256(contents.encode()).hexdigest()
    job = str(values.pop("job", "transfer" if "audio" in values else "generate"))
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


def _column(name: str) -> str:
    """A column's name as options have it: "Init audio" is `audio`."""
    plain = "_".join(name.strip().lower().replace("-", " ").split())
    return _ALIASES.get(plain, plain)


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
