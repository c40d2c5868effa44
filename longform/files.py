"""Writing a file so that it is there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longform.errors import UserError


def check_writable(path: str | Path, overwrite: bool = False) -> Path:
    """The path, if a file can be written there: the folder exists and the name is free.

    Raises:
        UserError: a missing or read-only folder, a folder in the file's place, a file that exists.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {str(path.parent)!r} does not exist")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()  # leaves nothing; permissions may lie
    except OSError:
        raise UserError(f"{path}: the folder {str(path.parent)!r} is not writable") from None
    if path.exists() and not overwrite:
        raise UserError(
            f"{path}: exists already; choose another name or ask to overwrite (--force)"
        )
    return path


@contextmanager
def atomic(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it is synced and takes the final name.

    The temporary file is removed when anything fails, an interrupt included. A file that
    appeared at `path` in the meantime is not replaced unless `overwrite`.

    Raises:
        UserError: the place cannot be written, or the disk refused (full, read-only).
    """
    path = check_writable(path, overwrite)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        _sync(temporary)
        _publish(temporary, path, overwrite)
        _sync(path.parent)
    except OSError as error:
        raise UserError(f"{path}: could not be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _publish(temporary: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)  # unlike a rename, it fails when the name is taken
    except FileExistsError:
        raise UserError(f"{path}: appeared while it was being written; left as it is") from None
    except OSError:  # a file system without hard links
        check_writable(path)
        os.replace(temporary, path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
