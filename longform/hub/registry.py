"""Models by name, in the user's data folder; what the user owns is never deleted."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longform.config import from_mapping, to_mapping
from longform.errors import UserError
from longform.files import atomic

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
LIST = "models.json"
HUB_TIMEOUT_SECONDS = 20.0
HUB_FILES = ("*.json", "*.safetensors", "tokenizer/*", "text_encoder/*", "LICENSE*", "README.md")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A registered model; `owned` says that its folder was made here and goes with the entry."""

    path: str
    family: str
    licence: str
    conditions: tuple[str, ...] = ()
    owned: bool = False


def home() -> Path:
    """The data folder: $LONGFORM_HOME, else longform under $XDG_DATA_HOME or ~/.local/share."""
    own = os.environ.get("LONGFORM_HOME")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "longform"


def registered() -> dict[str, Entry]:
    """All registered models by name.

    Raises:
        UserError: the list cannot be read.
    """
    path = home() / LIST
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"{path}: not readable; mend or remove it and add the models again"
        ) from None
    return {name: from_mapping(Entry, one, f"{path}: {name}") for name, one in data.items()}


def add(
    source: str, *, name: str | None = None, copy: bool = False, allow_missing: bool = False
) -> tuple[str, Entry]:
    """Register a local file or folder, or fetch a repository of the model hub by its id.

    Safetensors stay where they are and are referred to, unless `copy`; pickles, and copies, become
    a bundle in the data folder.

    Raises:
        UserError: the name is taken or unusable; the model is broken, unknown, or without
            `allow_missing` incomplete; it has to be fetched and huggingface_hub or the network is
            missing.
    """
    path = Path(source).expanduser()
    fetched = not path.exists() and HUB_ID.fullmatch(source) is not None
    name = name or _name_of(path if not fetched else Path(source))
    _check_free(name)
    target = home() / "models" / name
    if fetched:
        path = _fetch(source, target)
    elif copy or _is_pickle(path):
        from longform.hub.convert import convert

        _make(target.parent)
        path = convert(path, target, "bundle", name=name, allow_missing=allow_missing).path
    try:
        entry = _entry(path, path == target, allow_missing)
        _write(registered() | {name: entry})
    except BaseException:
        if path == target:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return name, entry


def remove(name: str) -> Entry:
    """Forget a model; its files are deleted only if they were made in the data folder.

    Raises:
        UserError: there is no such registered model.
    """
    entries = registered()
    entry = entries.pop(name, None)
    if entry is None:
        known = ", ".join(entries) or "none"
        raise UserError(f"no model {name!r} was added; added: {known}")
    _write(entries)
    folder = home() / "models" / name
    if entry.owned and Path(entry.path) == folder.resolve() and not folder.is_symlink():
        shutil.rmtree(folder)
    return entry


def _entry(path: Path, owned: bool, allow_missing: bool) -> Entry:
    """What the model is; it must be complete, if it may not lack tensors."""
    from longform.hub import open_model
    from longform.hub.model import Model
    from longform.hub.report import check_complete

    model = open_model(path)
    conditions: tuple[str, ...] = ()
    if isinstance(model, Model):
        check_complete(model.reports, str(path), allow_missing=allow_missing)
        conditions = model.manifest.conditions
    return Entry(
        path=str(path.resolve()),
        family=model.family,
        licence=model.manifest.licence,
        conditions=conditions,
        owned=owned,
    )


def _is_pickle(path: Path) -> bool:
    from longform.hub.safe import PICKLES

    return path.is_file() and path.suffix.lower() in PICKLES


def _name_of(path: Path) -> str:
    stem = path.resolve().name if path.is_dir() else path.stem
    return path.resolve().parent.name if path.name == "model.safetensors" else stem


def _check_free(name: str) -> None:
    from longform.bundle import list_models

    if NAME.fullmatch(name) is None:
        raise UserError(
            f"name {name!r} has signs other than letters, digits, '.', '_', '-'; --name"
        )
    if name in registered() or name in list_models():
        raise UserError(f"a model named {name!r} is there already; choose another with --name")
    if (home() / "models" / name).exists():
        raise UserError(f"{home() / 'models' / name}: exists already; choose another --name")


def _fetch(source: str, target: Path) -> Path:
    """Download a repository, without pickles or code, to `target`."""
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError:
        raise UserError(
            f"{source}: no such file or folder; as an id of the model hub it needs "
            "huggingface_hub: pip install huggingface_hub, or download the files and give their "
            "folder"
        ) from None
    _make(target.parent)
    try:
        found = HfApi().model_info(source, timeout=HUB_TIMEOUT_SECONDS).siblings or []
        names = {one.rfilename for one in found}
        both = "model_index.json" in names and "model.safetensors" in names
        ignored = ["model.safetensors", "model_config.json"] if both else []
        snapshot_download(
            source, local_dir=target, allow_patterns=list(HUB_FILES), ignore_patterns=ignored
        )
    except Exception as error:  # the package raises many kinds for network, access and disk
        shutil.rmtree(target, ignore_errors=True)
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"{source}: no such file or folder, and it could not be fetched from the model hub "
            f"({type(error).__name__}: {reason}); a gated model needs its licence accepted and "
            "`hf auth login`; or download the files and give their folder"
        ) from None
    return target


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: could not be made: {error.strerror}; set LONGFORM_HOME"
        ) from None


def _write(entries: dict[str, Entry]) -> None:
    _make(home())
    rows: dict[str, Any] = {name: to_mapping(entry) for name, entry in sorted(entries.items())}
    with atomic(home() / LIST, overwrite=True) as temporary:
        temporary.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", "utf-8")
