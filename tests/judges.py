"""Networks that listen for published scores, of random weights that are the same everywhere."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from longform.checkpoint import save_tensors
from longform.train.evaluate.openl3 import OpenL3
from longform.train.evaluate.passt import Passt

Network = TypeVar("Network", bound=nn.Module)
TINY_PASST = {"width": 128, "depth": 2, "classes": 527}


def drawn(shapes: Mapping[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """A value for every tensor of a network, by the order of names: with these, nothing it does
    is without effect."""
    generator = torch.Generator().manual_seed(seed)
    made: dict[str, Tensor] = {}
    for name, like in sorted(shapes.items()):
        values = torch.randn(like.shape, generator=generator)
        if not like.ndim:
            values = torch.zeros_like(like)  # how many batches a norm has seen
        elif name.endswith("running_var"):
            values = 0.5 + values.abs()
        elif name.endswith(("_token", "_embed")):
            values = 0.5 * values
        elif like.ndim > 1:
            values = values * (1.5 / prod(like.shape[1:])) ** 0.5
        else:
            values = 0.1 * values + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        made[name] = values
    return made


def filled(network: Network) -> Network:
    """The network with `drawn` weights, ready to listen."""
    network.load_state_dict(drawn(network.state_dict()))
    return network.eval()


def sound(samples: int, rate: int) -> np.ndarray:
    """A rising tone, a chord and noise, with silence in the middle: `(samples,)` float32."""
    time = np.arange(samples) / rate
    tones = np.sin(2 * np.pi * (110 * time + 1500 * time**2))
    tones += sum(np.sin(2 * np.pi * hz * time + hz) for hz in (220.5, 331.0, 5002.0)) / 2
    tones += 0.03 * np.random.default_rng(0).standard_normal(samples)
    tones[int(0.45 * samples) : int(0.55 * samples)] = 0
    return (0.3 * tones).astype(np.float32)


def save_openl3(folder: Path, width: int = 2) -> OpenL3:
    """`openl3/model.safetensors` in the folder, and the network that it is of."""
    network = filled(OpenL3(width))
    (folder / "openl3").mkdir(parents=True)
    save_tensors(folder / "openl3" / "model.safetensors", network.state_dict())
    return network


def save_passt(folder: Path) -> Passt:
    """`passt/model.safetensors` in the folder, and the network that it is of."""
    network = filled(Passt(**TINY_PASST))
    (folder / "passt").mkdir(parents=True)
    save_tensors(folder / "passt" / "model.safetensors", network.state_dict())
    return network
