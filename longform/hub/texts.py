"""The text encoder that a model names, from the folders that hold its files."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from longform.errors import UserError
from longform.hub.manifest import TextPart
from longform.hub.safe import plain_files
from longform.text.encoders import TextEncoder, load_clap_text, load_t5, load_t5gemma


def load_text(text: TextPart, folders: Sequence[Path], dtype: torch.dtype) -> TextEncoder:
    """The text encoder, in eval mode and without gradients.

    Raises:
        UserError: a file is missing or is not what it should be; the encoder is of another width.
    """
    with _together(folders) as folder:
        if text.kind == "t5":
            encoder = load_t5(folder, text.max_tokens, dtype)
        elif text.kind == "t5gemma":
            encoder = load_t5gemma(folder, text.max_tokens, dtype)
        else:
            encoder = load_clap_text(folder, text.layer, dtype)
    if encoder.width != text.width:
        raise UserError(
            f"{folders[0]}: a text encoder {encoder.width} wide; {text.name} is {text.width} wide"
        )
    return encoder


@contextmanager
def _together(folders: Sequence[Path]) -> Iterator[Path]:
    """One folder with the files of all: diffusers keeps the tokenizer apart."""
    files = plain_files(folders)
    if len(folders) == 1:
        yield folders[0]
        return
    with tempfile.TemporaryDirectory() as scratch:
        for path in files:
            (Path(scratch) / path.name).symlink_to(path.resolve())
        yield Path(scratch)
