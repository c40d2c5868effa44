"""The autoencoder of a run or a bundle, and which one it is."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from longform.autoencoder.build import build
from longform.checkpoint import load_into
from longform.train.pack import read_part


@dataclass(frozen=True)
class Source:
    """Which network the latents come from: latents of two networks never mix."""

    kind: str
    config: dict[str, Any]
    source: str
    sha256: str


def load_autoencoder(model: str | Path) -> tuple[nn.Module, Source]:
    """The autoencoder of a run folder, checkpoint or bundle (by name or path), and what it is.

    Raises:
        UserError: there is none, or its weights do not fit its config.
    """
    part = read_part(model, "autoencoder", lambda text: print(text, file=sys.stderr))
    assert part.kind is not None
    network = build(part.kind, part.config)
    load_into(network, part.tensors, part.source)
    network.eval().requires_grad_(False)
    return network, Source(part.kind, part.config, part.source, fingerprint(network))


def fingerprint(network: nn.Module) -> str:
    """SHA-256 over names and values of all tensors of a network."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
