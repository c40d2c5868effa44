"""Tensors on disk: safetensors only, written whole or not at all, and loaded strictly."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from longform.errors import UserError
from longform.files import atomic

if TYPE_CHECKING:
    from safetensors import safe_open

MAX_LISTED = 4  # of wrong keys in one message


def save_tensors(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
    *,
    overwrite: bool = True,
) -> None:
    """Write named tensors to a safetensors file, synced, under its final name only when complete.

    Raises:
        UserError: the place cannot be written, or the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic(path, overwrite) as temporary:
        try:
            save_file(plain, temporary, dict(metadata) if metadata else None)
        except SafetensorError as error:
            raise UserError(f"{path}: could not be written: {_flat(error)}") from None


def load_tensors(path: str | Path, device: str | torch.device = "cpu") -> dict[str, Tensor]:
    """All tensors of a safetensors file, by name.

    Raises:
        UserError: missing, empty, truncated or not a safetensors file.
    """
    with open_tensors(path, str(device)) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def read_metadata(path: str | Path) -> dict[str, str]:
    """The texts stored beside the tensors; nothing else is read."""
    with open_tensors(path) as file:
        return dict(file.metadata() or {})


def read_shapes(path: str | Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Data type and shape of each tensor by name; the data stay on disk."""
    with open_tensors(path) as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        return {name: (one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()}


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Copy `tensors` into `module`, key by key, all or nothing; `name` is what an error calls it.

    Raises:
        UserError: keys missing, unexpected or of another shape (all kinds in one message); values
            that are not finite.
    """
    own = module.state_dict()
    missing = sorted(own.keys() - tensors.keys())
    unexpected = sorted(tensors.keys() - own.keys())
    shapes = [
        f"{key} {tuple(tensors[key].shape)} should be {tuple(own[key].shape)}"
        for key in sorted(own.keys() & tensors.keys())
        if tensors[key].shape != own[key].shape
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "wrong shape": shapes}
    faults = [f"{len(keys)} {kind}: {_listed(keys)}" for kind, keys in kinds.items() if keys]
    if faults:
        raise UserError(f"{name}: the tensors do not fit the network; {'; '.join(faults)}")
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{name}: tensor {key!r} holds values that are not finite")
    module.load_state_dict(dict(tensors), strict=True)


@contextmanager
def parameter_budget(limit: int, name: str) -> Iterator[None]:
    """Stop the building of a network, in this thread, that has more than `limit` parameters.

    The check comes before the values are drawn, so a config with absurd sizes costs no memory.

    Raises:
        UserError: the network is larger; sizes that torch cannot build at all.
    """
    total, thread = 0, get_ident()

    def count(_: nn.Module, __: str, parameter: nn.Parameter) -> None:
        nonlocal total
        if get_ident() == thread:
            total += parameter.numel()
            if total > limit:
                raise UserError(
                    f"{name}: holds {limit} numbers, fewer than the network of its config has"
                )

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    except (RuntimeError, MemoryError, OverflowError) as error:
        raise UserError(f"{name}: its config cannot be built ({_flat(error)})") from None
    finally:
        hook.remove()


def open_tensors(path: str | Path, device: str = "cpu") -> "safe_open":
    """A safetensors file, its header read and checked; the data stay on disk.

    Raises:
        UserError: missing, empty, truncated or not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a safetensors file")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: is empty (0 bytes)")
    try:
        return safe_open(path, framework="pt", device=device)
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file ({_flat(error)})") from None
    except OSError as error:
        raise UserError(f"{path}: could not be read: {os.strerror(error.errno or 5)}") from None


def read_json(path: str | Path, max_bytes: int = 16 << 20) -> dict:
    """A JSON file that holds one object.

    Raises:
        UserError: missing, larger than `max_bytes`, not UTF-8, not JSON, not an object.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size > max_bytes:
        raise UserError(f"{path}: {path.stat().st_size} bytes; the limit is {max_bytes}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON ({_flat(error)})") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data


def _listed(keys: list[str]) -> str:
    more = len(keys) - MAX_LISTED
    return ", ".join(keys[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
