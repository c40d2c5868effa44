"""One home for the checkpoints of the Stable Audio family, whatever layout they lie in."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longform.bundle import Bundle
    from longform.hub.model import Model

__all__ = ["open_model"]


def open_model(
    name_or_path: str | Path,
    *,
    allow_missing: bool = False,
    text_encoder: str | Path | None = None,
) -> "Bundle | Model":
    """Open a model: installed or added by name, or a file or folder of any layout.

    Args:
        allow_missing: initial values stand where the file lacks tensors
        text_encoder: a folder with the text encoder, for models that come without theirs

    Raises:
        UserError: it is nowhere, broken, or no model that longform knows; a text encoder was given
            for a model with one of its own.
    """
    from longform.bundle import MANIFEST, Bundle, find
    from longform.checkpoint import read_json
    from longform.errors import UserError
    from longform.hub.model import Model
    from longform.manifest import FORMAT as OWN

    path = find(name_or_path)
    if (path / MANIFEST).is_file() and read_json(path / MANIFEST).get("format") == OWN:
        if text_encoder is not None:
            raise UserError(f"{path}: has a text encoder of its own; leave --text-encoder out")
        return Bundle.load(path)
    return Model.open(path, allow_missing=allow_missing, text_encoder=text_encoder)
