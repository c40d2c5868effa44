"""Checkpoints that survive a crash at any moment: written aside, hashed, renamed, then pruned.

A checkpoint is a folder `step-000000123` that holds safetensors and JSON files and a manifest with
the size and SHA-256 of each. The manifest is written last, into a temporary folder that is renamed
when all of it is on the disk: a folder without a valid manifest is not a checkpoint.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from longform.checkpoint import load_tensors, save_tensors
from longform.errors import UserError

MANIFEST = "manifest.json"
_NAME = re.compile(r"step-(\d+)")
_SPARE_BYTES = 64 << 20

Say = Callable[[str], None]


def save(
    folder: Path,
    step: int,
    tensors: dict[str, dict[str, Tensor]],
    facts: dict[str, Any],
    keep: int,
) -> Path:
    """Write checkpoint `step`: a `<name>.safetensors` for each entry, `state.json`; then prune.

    Raises:
        UserError: the disk has no room for it; earlier checkpoints stay as they are.
    """
    final = folder / f"step-{step:09d}"
    if final.exists() and broken(final) is None:
        return final
    folder.mkdir(parents=True, exist_ok=True)
    for litter in folder.glob("step-*.tmp-*"):
        shutil.rmtree(litter)
    needed = sum(t.numel() * t.element_size() for group in tensors.values() for t in group.values())
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise UserError(
            f"checkpoint of step {step} needs {needed >> 20} MB in {folder}, but only "
            f"{free >> 20} MB are free; make room and resume"
        )
    temporary = folder / f"{final.name}.tmp-{os.getpid()}"
    temporary.mkdir()
    try:
        for name, group in tensors.items():
            save_tensors(temporary / f"{name}.safetensors", group)
        _write_json(temporary / "state.json", {"step": step, **facts})
        files = {path.name: _fingerprint(path) for path in sorted(temporary.iterdir())}
        _write_json(temporary / MANIFEST, {"format": 1, "step": step, "files": files})
        _sync_folder(temporary)
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(folder)
    _prune(folder, step, keep)
    return final


def newest(folder: Path, say: Say) -> Path | None:
    """The newest whole checkpoint in `folder`; says which broken ones were passed over."""
    for _, path in sorted(_steps(folder), reverse=True):
        problem = broken(path)
        if problem is None:
            return path
        say(f"checkpoint {path} passed over: {problem}")
    return None


def broken(path: Path) -> str | None:
    """What is wrong with the checkpoint `path`, or None."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} is not readable"
    for name, fingerprint in files.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if _fingerprint(path / name) != fingerprint:
            return f"{name} differs from the manifest"
    return None


def is_run(path: str | Path) -> bool:
    """Whether `path` is a run folder or a checkpoint, and not a bundle's name or folder."""
    path = Path(path)
    return (path / "checkpoints").is_dir() or _NAME.fullmatch(path.name) is not None


def resolve(path: str | Path, say: Say) -> Path:
    """The checkpoint meant by `path`: itself, or the newest one of a run folder.

    Raises:
        UserError: there is none, or the named one is broken.
    """
    path = Path(path)
    if (path / MANIFEST).exists() or _NAME.fullmatch(path.name):
        problem = broken(path)
        if problem is not None:
            raise UserError(f"checkpoint {path}: {problem}; name its run folder for the newest")
        return path
    found = newest(path / "checkpoints", say)
    if found is None:
        raise UserError(f"run folder {str(path)!r} holds no checkpoint; train it first")
    return found


def read(path: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one file of a checkpoint; empty if the checkpoint has no such file."""
    file = path / f"{name}.safetensors"
    return load_tensors(file) if file.exists() else {}


def read_facts(path: Path) -> dict[str, Any]:
    """The content of `state.json`."""
    return json.loads((path / "state.json").read_text(encoding="utf-8"))


def _steps(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    matches = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    return [(int(match[1]), path) for match, path in matches if match]


def _prune(folder: Path, step: int, keep: int) -> None:
    older = sorted(number for number, _ in _steps(folder) if number <= step)
    for number, path in _steps(folder):
        if number <= step and number not in older[-keep:]:
            shutil.rmtree(path)


def _fingerprint(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
