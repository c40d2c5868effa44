"""Stored tensors, read one by one, and how the tensors of two layouts are made of each other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from longform.autoencoder.keys import FROM_DIFFUSERS, TO_DIFFUSERS, reordered
from longform.checkpoint import open_tensors, read_shapes

if TYPE_CHECKING:
    from safetensors import safe_open

Shape = tuple[int, ...]
FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
OTHERS = {"I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
REOPEN_BYTES = 128 << 20


@dataclass(frozen=True)
class Stored:
    """One tensor in a file: its own name there, data type (as safetensors writes it) and shape."""

    path: Path
    key: str
    dtype: str
    shape: Shape

    @property
    def is_float(self) -> bool:
        """Whether weights may have this data type."""
        return self.dtype in FLOATS

    @property
    def nbytes(self) -> int:
        """Bytes on disk; types that torch does not compute with count as one byte each."""
        return prod(self.shape) * (FLOATS | OTHERS).get(self.dtype, 1)


def stored_in(path: Path) -> dict[str, Stored]:
    """Every tensor of a safetensors file by name, from its header alone.

    Raises:
        UserError: missing, empty, truncated or not a safetensors file.
    """
    shapes = read_shapes(path)
    return {key: Stored(path, key, dtype, shape) for key, (dtype, shape) in shapes.items()}


Form = Literal["same", "rows", "channels", "flat", "parts"]


@dataclass(frozen=True)
class Pair:
    """One tensor under the training toolkit's name, and what another layout keeps instead.

    Forms: "same"; "rows": the other layout splits the rows evenly over its tensors; "channels":
    (c,) here is (1, c, 1) there; "flat": (n, 1) here is (n,) there; "parts": the five parts of a
    differential projection come in another order. All keep every bit.
    """

    name: str
    others: tuple[str, ...]
    form: Form = "same"

    def other_shapes(self, shape: Shape) -> list[Shape]:
        """The shapes in the other layout of a tensor that has `shape` in the toolkit's."""
        if self.form == "rows":
            return [(shape[0] // len(self.others), *shape[1:])] * len(self.others)
        if self.form == "channels":
            return [(1, *shape, 1)]
        return [shape[:1]] if self.form == "flat" else [shape]

    def shape(self, others: Sequence[Shape]) -> Shape:
        """The shape in the toolkit's layout of tensors that have `others` there."""
        first = others[0]
        if self.form == "rows":
            return (sum(one[0] for one in others if one), *first[1:])
        if self.form == "channels":
            return tuple(size for size in first if size != 1) or (1,)
        return (*first, 1) if self.form == "flat" else first

    def join(self, tensors: Sequence[Tensor]) -> Tensor:
        """The toolkit's tensor."""
        whole = torch.cat(list(tensors)) if len(tensors) > 1 else tensors[0]
        if self.form == "parts":
            whole = reordered(whole, FROM_DIFFUSERS)
        return whole.reshape(self.shape([tuple(one.shape) for one in tensors]))

    def split(self, tensor: Tensor) -> dict[str, Tensor]:
        """The other layout's tensors, by name."""
        if self.form == "parts":
            tensor = reordered(tensor, TO_DIFFUSERS)
        parts = tensor.chunk(len(self.others)) if self.form == "rows" else [tensor]
        shapes = self.other_shapes(tuple(tensor.shape))
        return {
            key: part.reshape(shape)
            for key, part, shape in zip(self.others, parts, shapes, strict=True)
        }


@dataclass
class TensorReader:
    """Reads stored tensors one by one into memory of their own.

    The map of a file is dropped every so often, so that pages already copied do not count as
    memory in use: a file of any size costs one tensor more than what the caller keeps.
    """

    _path: Path | None = None
    _file: "safe_open | None" = None
    _since: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "TensorReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file = None
        self._stack.close()

    def read(self, stored: Stored) -> Tensor:
        """The tensor, in its own data type, on the CPU."""
        file = self._file
        if file is None or self._path != stored.path or self._since > REOPEN_BYTES:
            self._file = None
            self._stack.close()
            file = self._file = self._stack.enter_context(open_tensors(stored.path))
            self._path, self._since = stored.path, 0
        self._since += stored.nbytes
        return file.get_tensor(stored.key).clone()


def joined(pairs: Iterable[Pair], stored: Mapping[str, Stored]) -> Iterator[tuple[str, Tensor]]:
    """(toolkit name, tensor) of each pair whose tensors are all stored, one after the other."""
    with TensorReader() as reader:
        for pair in pairs:
            if all(key in stored for key in pair.others):
                yield pair.name, pair.join([reader.read(stored[key]) for key in pair.others])
