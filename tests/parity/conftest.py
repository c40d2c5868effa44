"""Parity with the reference implementations, which live in an environment of their own.

LONGFORM_REFERENCE names the folder of the environment that has stable-audio-tools and k-diffusion,
LONGFORM_REFERENCE_3 a checkout of Stable Audio 3. A test whose reference is absent is skipped. The
packages there come last in the search path, so that both sides run on the same torch.
"""

import importlib
import os
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import Tensor

FIRST, THIRD = "LONGFORM_REFERENCE", "LONGFORM_REFERENCE_3"
GOLD = Path(__file__).parent.parent / "gold" / "dit_family.safetensors"


@pytest.fixture(scope="session")
def find() -> Callable[[str], ModuleType]:
    """Import a module of the reference implementations."""
    folder = Path(os.environ.get(FIRST, ""))
    if not (folder / "reference.py").is_file():
        raise unittest.SkipTest(f"{FIRST} names no environment with stable-audio-tools")
    sys.path += [str(folder), *map(str, folder.glob("lib/python3*/site-packages"))]
    sys.path.append(os.environ.get(THIRD, str(folder)))
    importlib.import_module("reference")  # makes the packages importable that they lean on

    def imported(name: str) -> ModuleType:
        if name.startswith("stable_audio_3") and THIRD not in os.environ:
            raise unittest.SkipTest(f"{THIRD} names no checkout of Stable Audio 3")
        return importlib.import_module(name)

    return imported


@pytest.fixture(scope="session")
def gold() -> Iterator[Callable[[str, "Tensor"], None]]:
    """Hold a result of the reference against the golden file that other tests read.

    With LONGFORM_WRITE_GOLD set, write the file anew instead; run all tests of this folder then.
    """
    from safetensors.torch import load_file, save_file

    write = bool(os.environ.get("LONGFORM_WRITE_GOLD"))
    kept = {} if write else load_file(GOLD)

    def check(name: str, result: "Tensor") -> None:
        if write:
            kept[name] = result.contiguous()
        assert (kept[name] - result).abs().max() <= 2e-5, name

    yield check
    if write:
        save_file(kept, GOLD)
