"""Device and dtype: decided here and nowhere else."""

from contextlib import AbstractContextManager, nullcontext

import torch

from longform.errors import UserError


def pick_device(name: str | None = None) -> torch.device:
    """The named device, or CUDA where there is one, else the CPU.

    Raises:
        UserError: the named device is unknown or not there.
    """
    if name is None or name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"device {name!r} is unknown; use cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"device {name!r} was asked for, but this machine has no usable CUDA")
    return device


def pick_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where matrix units make it the faster choice (CUDA, CPUs with AMX), else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if has_bf16_units(device) else torch.float32
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32


def has_bf16_units(device: torch.device) -> bool:
    """Whether bfloat16 products are computed there and not emulated, which is slower than float32.

    On a CPU with AVX2 alone 85 times so, in products of 1,024 x 1,024.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Mixed precision for `dtype` on `device`; float32 means no autocast at all."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
