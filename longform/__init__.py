"""longform: a prompt becomes a whole piece of music."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longform.audio import Waveform
    from longform.errors import UserError
    from longform.pipeline import Pipeline

__version__ = "0.1.0"
__all__ = ["Pipeline", "UserError", "Waveform", "__version__"]

_HOMES = {"Pipeline": "pipeline", "UserError": "errors", "Waveform": "audio"}


def __getattr__(name: str) -> Any:
    """Public names load on first use, so that `import longform` and `--help` stay quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'longform' has no attribute {name!r}")
    return getattr(import_module(f"longform.{_HOMES[name]}"), name)
