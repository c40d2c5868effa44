"""Matrices in eight bits: each row as whole numbers from -127 to 127, and one scale a row.

The error is at most 1/254 of the largest weight of the row. Where it cannot be heard or measured it
halves what a model weighs on disk and on the way; in memory nothing changes.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from longform.errors import UserError

SUFFIX = ".row_scale"
LEAST = 4096  # numbers in a matrix that is worth it


def shrink(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and larger (rows, ...) as int8, each with its scales (rows,) beside it."""
    small: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if tensor.ndim < 2 or tensor.numel() < LEAST or not tensor.is_floating_point():
            small[key] = tensor
            continue
        scale = tensor.flatten(1).float().abs().amax(1) / 127
        rows = tensor.float() / _along(scale.clamp(min=torch.finfo(torch.float32).tiny), tensor)
        small[key] = rows.round().clamp(-127, 127).to(torch.int8)
        small[key + SUFFIX] = scale
    return small


def restore(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Undo `shrink`, into float32; tensors without scales stay as they are.

    Raises:
        UserError: scales without their matrix, or not one a row; `name` is the file.
    """
    whole: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if key.endswith(SUFFIX):
            if key.removesuffix(SUFFIX) not in tensors:
                raise UserError(f"{name}: {key!r} has no matrix beside it")
            continue
        scale = tensors.get(key + SUFFIX)
        if scale is not None:
            if tensor.ndim < 2 or scale.shape != tensor.shape[:1]:
                raise UserError(
                    f"{name}: {key + SUFFIX!r} has shape {tuple(scale.shape)}, not one number for "
                    f"each row of {tuple(tensor.shape)}"
                )
            tensor = tensor.float() * _along(scale.float(), tensor)
        whole[key] = tensor
    return whole


def _along(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
