"""Guards for folders that somebody else made."""

from collections.abc import Iterable
from pathlib import Path

from longform.errors import UserError

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
"""Endings of files that may hold code."""
PLAIN = {".json", ".safetensors", ".model", ".txt"}
"""Endings of files that hold neither code nor pickles."""


def inside(folder: Path, name: str) -> Path:
    """`folder / name`, which must be a file in `folder`.

    Raises:
        UserError: it is missing, or a link or path out of the folder.
    """
    path = folder / name
    if not path.is_file():
        raise UserError(f"{folder}: {name} is missing")
    return within(folder, path)


def within(folder: Path, path: Path) -> Path:
    """`path`, if what it leads to lies in `folder`, or in the store of a hub cache around it.

    Raises:
        UserError: it is a link or a path out of the folder.
    """
    real, root = path.resolve(), folder.resolve()
    store = next((one.parent / "blobs" for one in root.parents if one.name == "snapshots"), None)
    if not real.is_relative_to(root) and not (store and real.is_relative_to(store)):
        raise UserError(f"{path}: leads out of its folder; copy the file in")
    return path


def plain_files(folders: Iterable[Path]) -> list[Path]:
    """The files in folders that hold neither code nor pickles, by name.

    Raises:
        UserError: a folder is not there, or a file in it is a link out of it.
    """
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder")
        plain = [one for one in folder.iterdir() if one.suffix in PLAIN and one.is_file()]
        files += [within(folder, one) for one in plain]
    return sorted(files)
