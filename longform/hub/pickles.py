"""Pickled checkpoints become safetensors; this is the only place where a pickle is read."""

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longform.checkpoint import save_tensors
from longform.errors import UserError

MAX_PICKLE_BYTES = 64 << 20
"""Of the object tree alone; the tensors lie in files of their own inside the archive."""


def unpickled(path: Path, out: Path) -> Path:
    """Write the tensors of a pickled checkpoint to the safetensors file `out`.

    The unpickler builds tensors, numbers, text and containers, nothing else (weights_only): a file
    that names any other class or function is refused before it is called. The trainer's
    model_config goes into the metadata.

    Raises:
        UserError: no archive of torch.save, a compressed or overlarge one, one that would run
            code, or one without tensors.
    """
    _check_archive(path)
    try:
        data = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path}: refused, it names code to run; only plain tensors are taken from a pickle"
        ) from None
    except Exception as error:  # a damaged archive fails in as many ways as there are damages
        raise UserError(f"{path}: not a whole checkpoint ({type(error).__name__})") from None
    tensors = {key: _plain(key, value, path) for key, value in _state(data, path).items()}
    config = data.get("model_config")
    metadata = {"model_config": json.dumps(config)} if isinstance(config, Mapping) else None
    save_tensors(out, tensors, metadata)
    return out


def _check_archive(path: Path) -> None:
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError):
        raise UserError(f"{path}: not a whole archive of torch.save") from None
    stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    if not stored or sum(entry.file_size for entry in entries) > size:
        raise UserError(f"{path}: refused, its archive is compressed or claims more than it holds")
    for entry in entries:
        if entry.filename.endswith(".pkl") and entry.file_size > MAX_PICKLE_BYTES:
            raise UserError(f"{path}: refused, its pickle has {entry.file_size} bytes")


def _state(data: Any, path: Path) -> dict[str, Tensor]:
    """The tensors by name: those of "state_dict" where there is one."""
    if isinstance(data, Mapping):
        inner = data.get("state_dict", data)
        if isinstance(inner, Mapping):
            found = {str(key): one for key, one in inner.items() if isinstance(one, Tensor)}
            if found:
                return found
    raise UserError(f"{path}: holds no tensors by name")


def _plain(key: str, tensor: Tensor, path: Path) -> Tensor:
    """The tensor in memory of its own, if it has as many numbers as its storage holds."""
    dense = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not dense or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise UserError(f"{path}: refused, tensor {key!r} claims more numbers than are stored")
    return tensor.detach().clone(memory_format=torch.contiguous_format)
