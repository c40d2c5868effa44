"""What the tests of the command line share; the fixture `call` itself is in `conftest.py`."""

import importlib
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from longform.dit.model import DiT

Call = Callable[..., tuple[int, str, str]]
"""Runs one command line: exit code, stdout, stderr."""


def interrupt_at(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Press Ctrl-C where `place`, a module's function, is called; the file it writes is begun."""
    module_name, _, name = place.rpartition(".")
    module = importlib.import_module(module_name)
    real = getattr(module, name)

    def press(*arguments: object, **settings: object) -> object:
        result = real(*arguments, **settings)
        signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(module, name, press)


@contextmanager
def interrupted_denoising() -> Iterator[None]:
    """Press Ctrl-C whenever a denoiser begins a step."""

    def press(module: nn.Module, _: object) -> None:
        if isinstance(module, DiT):
            signal.raise_signal(signal.SIGINT)

    hook = register_module_forward_pre_hook(press)
    try:
        yield
    finally:
        hook.remove()
