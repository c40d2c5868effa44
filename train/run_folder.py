"""The folder of one run: its config, its checkpoints, and whether a config may go on with it."""

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from longform.errors import UserError
from longform.train import checkpoints
from longform.train.config import RESUMABLE, RunConfig

CONFIG = "config.yaml"


def claim(run: RunConfig, config: dict[str, Any]) -> Path | None:
    """Make the folder, or check that `config` may go on in it; the newest checkpoint, if any.

    Raises:
        UserError: the folder cannot be made; the run in it was trained with another config.
    """
    folder = Path(run.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"run folder {run.out!r} cannot be made: {error.strerror}") from None
    found = checkpoints.newest(folder / "checkpoints", lambda text: print(text, file=sys.stderr))
    if found is not None:
        changes = differences(checkpoints.read_facts(found)["config"], config)
        if changes:
            raise UserError(
                f"run folder {run.out!r} was trained with another config: {'; '.join(changes)}. "
                "Use those values, or name another folder in run.out"
            )
    _write_yaml(folder / CONFIG, config)
    return found


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The keys, as "a.b was 1, is 2", whose change would make another run of it."""
    before, after = _flat(old), _flat(new)
    absent = "absent"
    return [
        f"{key} was {before.get(key, absent)}, is {after.get(key, absent)}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key, absent) != after.get(key, absent)
        and key not in {f"run.{name}" for name in RESUMABLE}
    ]


def read_config(folder: str | Path) -> dict[str, Any]:
    """The config that the run in `folder` was started with."""
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise UserError(f"{str(folder)!r} is not a run folder: {CONFIG} is missing")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    temporary.replace(path)
