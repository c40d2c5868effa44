"""Adapters that go with a model: files with their strengths, as people name them."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from longform.errors import UserError

Adapters = Sequence[tuple[Path, float]]
"""Adapter files in order, each with its strength."""
MAX_STRENGTH = 10.0


def read_adapters(texts: Iterable[str]) -> Adapters:
    """Of texts such as "lora.safetensors" or "lora.safetensors:0.7".

    Raises:
        UserError: a file that is not there; a strength out of range.
    """
    found = []
    for text in texts:
        name, _, end = text.rpartition(":")
        try:
            strength, path = float(end), Path(name)
        except ValueError:
            strength, path = 1.0, Path(text)
        if not path.exists():
            raise UserError(f"adapter {text!r}: no such file; it is named FILE or FILE:STRENGTH")
        if not abs(strength) <= MAX_STRENGTH:
            raise UserError(f"adapter {text!r}: strength {strength:g} is beyond {MAX_STRENGTH:g}")
        found.append((path, strength))
    return tuple(found)


def adapted_hash(model_sha256: str, adapters: Adapters) -> str:
    """SHA-256 over a model's hash, adapters and strengths; without adapters, the model's."""
    if not adapters:
        return model_sha256
    digest = hashlib.sha256(model_sha256.encode())
    for path, strength in adapters:
        for part in sorted(path.iterdir()) if path.is_dir() else [path]:
            with part.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(repr(strength).encode())
    return digest.hexdigest()
