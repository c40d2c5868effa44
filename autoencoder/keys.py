"""Names of an autoencoder's tensors in other layouts, both ways, keeping every bit.

Ours are the names of the published checkpoints, as stable-audio-tools and Stable Audio 3 write them
below "pretransform.model."; diffusers has its own. Weight norm comes in three forms: the factors
`weight_g`, `weight_v` (ours); the same as parametrizations; folded into one `weight`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from longform.autoencoder.config import OobleckConfig, SameConfig
from longform.autoencoder.oobleck import Oobleck, slice_norm
from longform.autoencoder.same import Same
from longform.errors import UserError

TO_DIFFUSERS, FROM_DIFFUSERS = (0, 3, 1, 4, 2), (0, 2, 4, 1, 3)
"""The parts of a differential projection, q | k | v | q2 | k2, as diffusers has them: q | q2 | k |
k2 | v; and back."""
WeightNorm = Literal["factors", "parametrizations", "folded"]
Config = OobleckConfig | SameConfig

# Buffers that follow from the settings: positions, and noise channels, of which there are none.
_DERIVED = re.compile(r"\.rope\.inv_freq$|^bottleneck\.noise_scaling_factor$")
_PARAMETRIZED = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}


def from_toolkit(config: Config, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors from the training toolkit's, their prefix already taken off.

    Raises:
        UserError: keys missing, or fitting nothing, by name.
    """
    kept = {name: tensor for name, tensor in tensors.items() if not _DERIVED.search(name)}
    return _renamed(config, kept, lambda name: name)


def to_toolkit(
    config: Config, tensors: Mapping[str, Tensor], form: WeightNorm = "factors"
) -> dict[str, Tensor]:
    """The training toolkit's tensors from ours, which may be folded; it loads the factors."""
    ours = _renamed(config, tensors, lambda name: name)
    if form == "factors":
        return ours
    if form == "parametrizations":
        back = {short: long for long, short in _PARAMETRIZED.items()}
        return {_with_tail(name, back): tensor for name, tensor in ours.items()}
    result = {name: tensor for name, tensor in ours.items() if "weight_" not in name}
    for name, v in ours.items():
        if name.endswith("weight_v"):
            g = ours[name.removesuffix("v") + "g"]
            result[name.removesuffix("_v")] = v * (g / slice_norm(v))
    return result


def from_diffusers(config: Config, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors from those of diffusers' AutoencoderOobleck or AutoencoderSAME.

    Raises:
        UserError: keys missing, or fitting nothing, by name.
    """
    ours = _renamed(config, tensors, _diffusers_name(config))
    shapes = {name: tensor.shape for name, tensor in _skeleton(config).items()}
    for name, tensor in ours.items():
        if name.endswith(("alpha", "beta")) and tensor.numel() == shapes[name].numel():
            ours[name] = tensor.reshape(shapes[name])  # Snake's: (1, c, 1) there
        if name.endswith("to_qkv.weight"):
            ours[name] = reordered(tensor, FROM_DIFFUSERS)
    return ours


def to_diffusers(config: Config, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of diffusers' AutoencoderOobleck or AutoencoderSAME from ours."""
    theirs, name_of = {}, _diffusers_name(config)
    for name, tensor in _renamed(config, tensors, lambda name: name).items():
        if isinstance(config, OobleckConfig) and name.endswith(("alpha", "beta")):
            tensor = tensor[None, :, None]
        if name.endswith("to_qkv.weight"):
            tensor = reordered(tensor, TO_DIFFUSERS)
        theirs[name_of(name)] = tensor
    return theirs


def _renamed(
    config: Config, tensors: Mapping[str, Tensor], name_of: Callable[[str], str]
) -> dict[str, Tensor]:
    """Our tensors by our names, given those that are called `name_of(ours)`, in any form."""
    given = _factored({_with_tail(name, _PARAMETRIZED): tensor for name, tensor in tensors.items()})
    names = {name: name_of(name) for name in _skeleton(config)}
    unknown = sorted(given.keys() - set(names.values()))
    missing = sorted(set(names.values()) - given.keys())
    faults = [
        f"{len(keys)} {kind}: {', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''}"
        for kind, keys in (("fit nothing", unknown), ("missing", missing))
        if keys
    ]
    if faults:
        raise UserError(f"autoencoder: keys do not fit its config; {'; '.join(faults)}")
    return {name: given[theirs] for name, theirs in names.items()}


def _factored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convolutions whose weight norm is folded get factors that give the same weight, exactly."""
    result = {}
    for name, tensor in tensors.items():
        if name.endswith(".weight") and tensor.ndim == 3:
            result[f"{name}_g"], result[f"{name}_v"] = slice_norm(tensor), tensor
        else:
            result[name] = tensor
    return result


def _skeleton(config: Config) -> dict[str, Tensor]:
    """Our tensors without their values."""
    with torch.device("meta"):
        network: nn.Module = Same(config) if isinstance(config, SameConfig) else Oobleck(config)
    return network.state_dict()


def _diffusers_name(config: Config) -> Callable[[str], str]:
    """From our name of a tensor to that of diffusers."""
    stages = len(config.strides)
    if isinstance(config, OobleckConfig):
        return lambda name: _oobleck_name(name, stages)
    return lambda name: _same_name(name, stages)


_UNIT = ("snake1", "conv1", "snake2", "conv2")
_ENCODER_BLOCK = ("res_unit1", "res_unit2", "res_unit3", "snake1", "conv1")
_DECODER_BLOCK = ("snake1", "conv_t1", "res_unit1", "res_unit2", "res_unit3")


def _oobleck_name(name: str, stages: int) -> str:
    """`encoder.layers.2.layers.0.layers.1.bias` -> `encoder.block.1.res_unit1.conv1.bias`."""
    side, *numbers, tail = name.replace(".layers", "").split(".")
    first, *inner = map(int, numbers)
    if not inner:
        outer = {0: "conv1", stages + 1: "snake1", stages + 2: "conv2"}[first]
        return f"{side}.{outer}.{tail}"
    parts = [(_ENCODER_BLOCK if side == "encoder" else _DECODER_BLOCK)[inner[0]]]
    parts += [_UNIT[index] for index in inner[1:]]
    return ".".join([side, "block", str(first - 1), *parts, tail])


_SAME_NAMES = {
    "pre_norm": "norm_attn",
    "self_attn": "attn",
    "ff_norm": "norm_ff",
    "ff.ff.0.proj": "ff.proj_in",
    "ff.ff.2": "ff.proj_out",
    "scaling_factor": "scale",
}


def _same_name(name: str, stages: int) -> str:
    """`decoder.layers.3.transformers.0.pre_norm.beta` -> `decoder.blocks.0....norm_attn.beta`."""
    for ours, theirs in _SAME_NAMES.items():
        name = re.sub(rf"(?<![^.]){re.escape(ours)}(?![^.])", theirs, name)
    found = re.match(r"(encoder|decoder)\.layers\.(\d+)\.(.*)", name)
    if found is None:
        return name
    side, number, rest = found[1], int(found[2]), found[3]
    if number == (stages + 1 if side == "encoder" else 1):
        return f"{side}.proj.{rest}"
    return f"{side}.blocks.{number if side == 'encoder' else number - 3}.{rest}"


def reordered(rows: Tensor, order: tuple[int, ...]) -> Tensor:
    """The five parts of a differential projection (q, k, v, q2, k2 here) in another order."""
    if rows.shape[0] != 5 * rows.shape[1]:
        return rows
    return torch.cat([rows.chunk(5)[part] for part in order])


def _with_tail(name: str, tails: Mapping[str, str]) -> str:
    for tail, other in tails.items():
        if name.endswith(f".{tail}"):
            return name.removesuffix(tail) + other
    return name
