"""The networks of a model: their names in the toolkit's layout, and how they are filled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from longform.checkpoint import parameter_budget
from longform.config import from_mapping
from longform.dit import keys
from longform.dit.family_conditioner import FamilyConditioner, FamilyConditionerConfig
from longform.errors import UserError
from longform.hub.diffusers_keys import AUTOENCODER
from longform.hub.manifest import FamilyManifest
from longform.hub.tensors import Pair, Shape, Stored, joined

CONSTANTS = {"latent_mean": torch.zeros, "latent_scale": torch.ones}
"""Tensors of the denoiser that no published checkpoint has, and their values."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One network: its name, how it is built, the toolkit's name of a tensor (None: unknown)."""

    name: str
    build: Callable[[], nn.Module]
    rename: Callable[[str], str | None]

    def expected(self, budget: int, where: str) -> dict[str, Shape]:
        """The shape of every tensor that a checkpoint must have, by the toolkit's name.

        Raises:
            UserError: the configuration asks for more than `budget` parameters, or for sizes that
                cannot be built.
        """
        with parameter_budget(budget, where), torch.device("meta"):
            state = self.build().state_dict()
        named = {self.rename(key): tuple(tensor.shape) for key, tensor in state.items()}
        return {name: shape for name, shape in named.items() if name is not None}


def parts_of(manifest: FamilyManifest, where: str) -> dict[str, Part]:
    """The networks that a model has, by name."""
    found = {}
    coder, dit, conditioner = manifest.autoencoder, manifest.dit, manifest.conditioner
    if coder is not None:
        from longform.autoencoder.build import build

        found["autoencoder"] = Part(
            name="autoencoder",
            build=lambda: build(coder.kind, coder.config),
            rename=lambda key: AUTOENCODER + key,
        )
    if dit is not None:
        from longform.dit.config import DiTConfig
        from longform.dit.model import DiT

        sizes = from_mapping(DiTConfig, dit.config, f"{where}: dit")
        found["dit"] = Part(
            name="dit", build=lambda: DiT(sizes), rename=lambda key: keys.toolkit(f"dit.{key}")
        )
    if conditioner is not None:
        told = from_mapping(FamilyConditionerConfig, conditioner.config, f"{where}: conditioner")
        found["conditioner"] = Part(
            name="conditioner",
            build=lambda: FamilyConditioner(told),
            rename=lambda key: keys.toolkit(f"conditioner.{key}"),
        )
    return found


def fill(
    part: Part,
    pairs: Mapping[str, Pair],
    stored: Mapping[str, Stored],
    dtype: torch.dtype,
    where: str,
    *,
    allow_missing: bool = False,
) -> nn.Module:
    """Build a network around the stored tensors, one by one, in eval mode and without gradients.

    Nothing is held twice: the network is built without memory of its own, so the peak is the
    network in `dtype` and a few tensors. Tensors that are not stored, or not with the network's
    shape, keep their initial values where `allow_missing`.

    Raises:
        UserError: values that are not finite.
    """
    with torch.device("meta"):
        network = part.build()
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    named = {part.rename(key): key for key in shapes}
    names = {name: key for name, key in named.items() if name is not None}
    filled: dict[str, Tensor] = {}
    wanted = [
        pairs[name]
        for name, key in names.items()
        if name in pairs and _fits(pairs[name], shapes[key], stored)
    ]
    for name, tensor in joined(wanted, stored):
        if not torch.isfinite(tensor).all():
            raise UserError(f"{where}: tensor {name!r} holds values that are not finite")
        filled[names[name]] = tensor.to(dtype)
    rest = shapes.keys() - filled.keys()
    for key in rest & CONSTANTS.keys():
        filled[key] = CONSTANTS[key](shapes[key], dtype=dtype)
    if allow_missing and rest - CONSTANTS.keys():
        filled |= _initial(part, rest - CONSTANTS.keys(), dtype)
    network.load_state_dict(filled, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _fits(pair: Pair, shape: Shape, stored: Mapping[str, Stored]) -> bool:
    return all(
        key in stored and stored[key].is_float and stored[key].shape == wanted
        for key, wanted in zip(pair.others, pair.other_shapes(shape), strict=True)
    )


def _initial(part: Part, keys: set[str], dtype: torch.dtype) -> dict[str, Tensor]:
    """Initial values of some tensors, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = part.build().state_dict()
    return {key: state[key].to(dtype) for key in keys}
