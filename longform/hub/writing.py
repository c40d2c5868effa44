"""Whole checkpoints on disk: streamed tensor by tensor, and there completely or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from longform.errors import UserError
from longform.hub.safe import plain_files
from longform.hub.tensors import FLOATS, OTHERS, Shape, TensorReader

TOKENIZER_FILES = ("tokenizer", "spiece", "special_tokens", "added_tokens", "vocab", "merges")


@dataclass(frozen=True)
class Planned:
    """A tensor to be written: its name, type and shape, and how it is made."""

    name: str
    dtype: str
    shape: Shape
    make: Callable[[TensorReader], Tensor]

    @property
    def nbytes(self) -> int:
        """Bytes that it will take."""
        return prod(self.shape) * (FLOATS | OTHERS)[self.dtype]


def stream_tensors(
    path: Path, planned: Sequence[Planned], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file with no more than one tensor in memory.

    The header (its length in eight bytes, then JSON with data type, shape and offsets) comes first:
    https://huggingface.co/docs/safetensors. Wider types come first, so that all lie aligned.

    Raises:
        UserError: a data type that cannot be written.
    """
    for one in planned:
        if one.dtype not in FLOATS | OTHERS:
            raise UserError(f"{path.name}: {one.name} has type {one.dtype}, which is not supported")
    ordered = sorted(planned, key=lambda one: (-(FLOATS | OTHERS)[one.dtype], one.name))
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for one in ordered:
        begin, end = end, end + one.nbytes
        header[one.name] = {
            "dtype": one.dtype,
            "shape": list(one.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file, TensorReader() as reader:
        file.write(len(text).to_bytes(8, "little") + text)
        for one in ordered:
            flat = one.make(reader).contiguous().reshape(-1)
            content = flat.view(torch.uint8).numpy()
            assert content.nbytes == one.nbytes, one.name
            file.write(content.data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the name `out` on success and vanishes otherwise.

    Raises:
        UserError: the name is taken, the place cannot be written, or the disk is full.
    """
    if out.exists() or out.is_symlink():
        raise UserError(f"{out}: exists already; nothing is ever overwritten, choose another name")
    parent = out.absolute().parent
    if not parent.is_dir():
        raise UserError(f"{out}: the folder {str(parent)!r} does not exist")
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{out.name}.") as scratch:
            folder = Path(scratch) / out.name
            folder.mkdir()
            yield folder
            folder.rename(out)
    except OSError as error:
        raise UserError(f"{out}: could not be written: {error.strerror or error}") from None


def copy_texts(sources: Iterable[Path], *, encoder: Path, tokenizer: Path) -> None:
    """Copy a text encoder and its tokenizer to their folders: never code or pickles.

    Args:
        sources: folders that hold the files of both
    """
    for folder in {encoder, tokenizer}:
        folder.mkdir()
    for path in plain_files(sources):
        is_tokenizer = path.name.startswith(TOKENIZER_FILES)
        shutil.copyfile(path, (tokenizer if is_tokenizer else encoder) / path.name)


def write_json(path: Path, data: Mapping[str, object]) -> None:
    """Write JSON as people read it."""
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
