"""What the tests of the command line share; the fixture `call` itself is in `conftest.py`."""

import importlib
import signal
from collections.abc import Callable

import pytest

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
